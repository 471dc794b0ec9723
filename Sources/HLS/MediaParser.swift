// SPDX-License-Identifier: Apache-2.0

/// Reads the lines of a media playlist in order.
struct MediaParser {
    private var playlist = MediaPlaylist(
        version: 1, targetDurationSeconds: -1, kind: nil, independentSegments: false, isComplete: false)
    private var lastLine = 1
    private var seen: Set<String> = []
    private var durationSeconds: Double?
    private var byteRange: ByteRange?
    private var map: InitializationSection?
    private var key: EncryptionKey?
    private var isDiscontinuous = false

    mutating func consume(_ line: PlaylistLine) throws(PlaylistError) {
        lastLine = line.number
        guard let tag = line.tag else { return try addSegment(line) }
        switch tag {
        case "EXT-X-VERSION": playlist.version = try once(line).integer(max: 1000)
        case "EXT-X-TARGETDURATION": playlist.targetDurationSeconds = try once(line).integer(max: 1_000_000)
        case "EXT-X-MEDIA-SEQUENCE":
            guard playlist.segments.isEmpty else { throw line.error("\(tag) behind the first segment") }
            playlist.mediaSequence = try once(line).integer()
        case "EXT-X-PLAYLIST-TYPE":
            guard let kind = MediaPlaylist.Kind(rawValue: try once(line).value) else {
                throw line.error("the playlist type is neither VOD nor EVENT")
            }
            playlist.kind = kind
        case "EXT-X-INDEPENDENT-SEGMENTS": playlist.independentSegments = true
        case "EXT-X-I-FRAMES-ONLY": playlist.iFramesOnly = true
        case "EXT-X-ENDLIST": playlist.isComplete = true
        case "EXT-X-START":
            // A negative offset counts from the end, which the model does not need.
            playlist.startSeconds = try AttributeList(line)["TIME-OFFSET"].flatMap(Double.init).flatMap {
                $0.isFinite && $0 >= 0 ? $0 : nil
            }
        case "EXTINF":
            let number = line.value.split(separator: ",", maxSplits: 1, omittingEmptySubsequences: false)[0]
            durationSeconds = try line.float(String(number).trimmed)
        case "EXT-X-BYTERANGE": byteRange = try line.byteRange(line.value)
        case "EXT-X-DISCONTINUITY": isDiscontinuous = true
        case "EXT-X-MAP":
            let attributes = try AttributeList(line)
            map = InitializationSection(uri: try attributes.required("URI"))
            if let range = attributes["BYTERANGE"] { map?.byteRange = try line.byteRange(range) }
        case "EXT-X-KEY": key = try encryptionKey(line)
        case "EXT-X-STREAM-INF", "EXT-X-MEDIA", "EXT-X-I-FRAME-STREAM-INF":
            throw line.error("\(tag) in a media playlist")
        default: break
        }
    }

    func finish() throws(PlaylistError) -> MediaPlaylist {
        guard playlist.targetDurationSeconds >= 0 else {
            throw PlaylistError(line: lastLine, problem: "EXT-X-TARGETDURATION is missing")
        }
        guard durationSeconds == nil else {
            throw PlaylistError(line: lastLine, problem: "an EXTINF without its segment")
        }
        // Section 4.3.3.1: no segment may be longer, rounded to the nearest second, than the target.
        for segment in playlist.segments
        where Int(segment.durationSeconds.rounded()) > playlist.targetDurationSeconds {
            throw PlaylistError(
                line: lastLine, problem: "the segment \(segment.uri.prefix(80)) is longer than EXT-X-TARGETDURATION")
        }
        return playlist
    }

    private mutating func addSegment(_ line: PlaylistLine) throws(PlaylistError) {
        guard let duration = durationSeconds else { throw line.error("a segment without EXTINF") }
        guard playlist.segments.count < Playlist.entriesMax else { throw line.error("too many segments") }
        playlist.segments.append(
            MediaSegment(
                uri: line.text, durationSeconds: duration, byteRange: byteRange, map: map, key: key,
                isDiscontinuous: isDiscontinuous))
        durationSeconds = nil
        byteRange = nil
        isDiscontinuous = false
    }

    private func encryptionKey(_ line: PlaylistLine) throws(PlaylistError) -> EncryptionKey? {
        let attributes = try AttributeList(line)
        let name = try attributes.required("METHOD")
        if name == "NONE" { return nil }
        guard let method = EncryptionKey.Method(rawValue: name) else {
            throw line.error("the encryption method \(name.prefix(40)) is not known")
        }
        let vector = attributes["IV"]
        if let vector {
            let digits = vector.dropFirst(2)
            guard vector.hasPrefix("0x") || vector.hasPrefix("0X"), (1...32).contains(digits.count),
                digits.allSatisfy(\.isHexDigit)
            else { throw line.error("the IV is not a number of 128 bits") }
        }
        return EncryptionKey(method: method, uri: try attributes.required("URI"), initializationVector: vector)
    }

    private mutating func once(_ line: PlaylistLine) throws(PlaylistError) -> PlaylistLine {
        guard seen.insert(line.tag ?? "").inserted else { throw line.error("\(line.tag ?? "") occurs twice") }
        return line
    }
}
