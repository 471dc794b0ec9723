// SPDX-License-Identifier: Apache-2.0

/// Reads the lines of a multivariant playlist in order.
struct MultivariantParser {
    private var playlist = MultivariantPlaylist(version: 1, independentSegments: false)
    private var lastLine = 1
    private var hasVersion = false
    /// A variant whose URI line has not come yet.
    private var open: Variant?

    mutating func consume(_ line: PlaylistLine) throws(PlaylistError) {
        lastLine = line.number
        guard let tag = line.tag else {
            guard var variant = open else { throw line.error("a URI without EXT-X-STREAM-INF") }
            variant.uri = line.text
            playlist.variants.append(variant)
            open = nil
            return
        }
        // Section 4.3.4.2: the URI line follows the tag.
        guard open == nil else { throw line.error("EXT-X-STREAM-INF without its URI") }
        let entries = playlist.variants.count + playlist.renditions.count + playlist.iFrameVariants.count
        guard entries < Playlist.entriesMax else {
            throw line.error("too many variants")
        }
        switch tag {
        case "EXT-X-VERSION":
            guard !hasVersion else { throw line.error("EXT-X-VERSION occurs twice") }
            hasVersion = true
            playlist.version = try line.integer(max: 1000)
        case "EXT-X-INDEPENDENT-SEGMENTS": playlist.independentSegments = true
        case "EXT-X-MEDIA": playlist.renditions.append(try rendition(line))
        case "EXT-X-STREAM-INF": open = try variant(line)
        case "EXT-X-I-FRAME-STREAM-INF": playlist.iFrameVariants.append(try iFrameVariant(line))
        case "EXTINF", "EXT-X-TARGETDURATION", "EXT-X-MAP", "EXT-X-KEY", "EXT-X-ENDLIST", "EXT-X-BYTERANGE",
            "EXT-X-MEDIA-SEQUENCE", "EXT-X-PLAYLIST-TYPE", "EXT-X-DISCONTINUITY":
            throw line.error("\(tag) in a multivariant playlist")
        default: break
        }
    }

    func finish() throws(PlaylistError) -> MultivariantPlaylist {
        guard open == nil else { throw PlaylistError(line: lastLine, problem: "EXT-X-STREAM-INF without its URI") }
        let audioGroups = Set(playlist.renditions.filter { $0.kind == .audio }.map(\.group))
        let subtitlesGroups = Set(playlist.renditions.filter { $0.kind == .subtitles }.map(\.group))
        for variant in playlist.variants {
            if let group = variant.audioGroup, !audioGroups.contains(group) {
                throw PlaylistError(line: lastLine, problem: "the audio group \(group.prefix(40)) does not exist")
            }
            if let group = variant.subtitlesGroup, !subtitlesGroups.contains(group) {
                throw PlaylistError(line: lastLine, problem: "the subtitles \(group.prefix(40)) do not exist")
            }
        }
        return playlist
    }

    private func variant(_ line: PlaylistLine) throws(PlaylistError) -> Variant {
        let attributes = try AttributeList(line)
        return Variant(
            uri: "", bandwidth: try Self.bandwidth(attributes, line),
            averageBandwidth: try attributes.integer("AVERAGE-BANDWIDTH"), codecs: Self.codecs(attributes),
            resolution: try attributes.resolution("RESOLUTION"), frameRate: try attributes.float("FRAME-RATE"),
            audioGroup: attributes["AUDIO"], subtitlesGroup: attributes["SUBTITLES"])
    }

    private func iFrameVariant(_ line: PlaylistLine) throws(PlaylistError) -> IFrameVariant {
        let attributes = try AttributeList(line)
        return IFrameVariant(
            uri: try attributes.required("URI"), bandwidth: try Self.bandwidth(attributes, line),
            averageBandwidth: try attributes.integer("AVERAGE-BANDWIDTH"), codecs: Self.codecs(attributes),
            resolution: try attributes.resolution("RESOLUTION"))
    }

    private static func bandwidth(_ attributes: AttributeList, _ line: PlaylistLine) throws(PlaylistError) -> Int {
        guard let bandwidth = try attributes.integer("BANDWIDTH") else { throw line.error("BANDWIDTH is missing") }
        return bandwidth
    }

    private static func codecs(_ attributes: AttributeList) -> [String] {
        attributes["CODECS"]?.split(separator: ",").map { String($0).trimmed } ?? []
    }

    private func rendition(_ line: PlaylistLine) throws(PlaylistError) -> Rendition {
        let attributes = try AttributeList(line)
        guard let kind = Rendition.Kind(rawValue: try attributes.required("TYPE")) else {
            throw line.error("the TYPE is not known")
        }
        let channels = attributes["CHANNELS"]?.split(separator: "/").first.map(String.init)
        let isDefault = attributes["DEFAULT"] == "YES"
        return Rendition(
            kind: kind, group: try attributes.required("GROUP-ID"), name: try attributes.required("NAME"),
            language: attributes["LANGUAGE"], isDefault: isDefault,
            isAutoselect: isDefault || attributes["AUTOSELECT"] == "YES", isForced: attributes["FORCED"] == "YES",
            channels: try channels.map { (text) throws(PlaylistError) in try line.integer(text, max: 1000) },
            uri: attributes["URI"])
    }
}
