// SPDX-License-Identifier: Apache-2.0

/// The lines of a playlist, read with patience: what is wrong becomes a finding, and the rest is still read.
///
/// `Playlist.parse` ends at the first mistake, as a player may; a report has to name all of them.
struct PlaylistText {
    enum Kind {
        case media, multivariant
    }

    /// Tags and URIs; without blank lines and comments.
    var lines: [PlaylistLine] = []
    var kind: Kind
    /// EXT-X-VERSION; 1 when there is none.
    var version = 1

    private static let multivariantTags: Set = [
        "EXT-X-MEDIA", "EXT-X-STREAM-INF", "EXT-X-I-FRAME-STREAM-INF", "EXT-X-SESSION-DATA", "EXT-X-SESSION-KEY",
    ]
    private static let mediaTags: Set = [
        "EXTINF", "EXT-X-BYTERANGE", "EXT-X-DISCONTINUITY", "EXT-X-KEY", "EXT-X-MAP", "EXT-X-PROGRAM-DATE-TIME",
        "EXT-X-DATERANGE", "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE",
        "EXT-X-ENDLIST", "EXT-X-PLAYLIST-TYPE", "EXT-X-I-FRAMES-ONLY",
    ]
    private static let singleTags: Set = [
        "EXT-X-TARGETDURATION", "EXT-X-MEDIA-SEQUENCE", "EXT-X-DISCONTINUITY-SEQUENCE", "EXT-X-PLAYLIST-TYPE",
        "EXT-X-I-FRAMES-ONLY", "EXT-X-INDEPENDENT-SEGMENTS",
    ]

    /// Nil when the bytes are no playlist at all.
    init?(_ bytes: [UInt8], place: String, into findings: inout FindingList) {
        var bytes = bytes[...]
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            findings.add(.text, "\(place):1", "the playlist begins with a byte order mark")
            bytes = bytes.dropFirst(3)
        }
        if String(validating: bytes, as: UTF8.self) == nil {
            findings.add(.text, place, "the playlist is not UTF-8")
        }
        var tags: [String: Int] = [:]
        kind = .media
        var number = 0
        for raw in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let content = raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw
            if content.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
                findings.add(.text, "\(place):\(number)", "the line has a control character")
            }
            let line = PlaylistLine(number: number, text: String(decoding: content, as: UTF8.self))
            if number == 1 {
                guard line.text == "#EXTM3U" else {
                    findings.add(.extm3u, "\(place):1", "the first line is not #EXTM3U")
                    return nil
                }
                continue
            }
            if line.tag == nil, line.text.isEmpty || line.text.hasPrefix("#") { continue }
            if line.tag == nil, line.text != line.text.trimmed {
                findings.add(.lines, "\(place):\(number)", "the URI has a space or tab at its ends")
            }
            if let tag = line.tag { tags[tag, default: 0] += 1 }
            lines.append(line)
        }
        if !Self.multivariantTags.isDisjoint(with: tags.keys) { kind = .multivariant }
        checkTags(tags, place, &findings)
        readVersion(place, &findings)
    }

    private func checkTags(_ tags: [String: Int], _ place: String, _ findings: inout FindingList) {
        for (tag, count) in tags.sorted(by: { $0.key < $1.key }) {
            if kind == .multivariant, Self.mediaTags.contains(tag) {
                findings.add(.mixedTags, place, "\(tag) is in a multivariant playlist")
            }
            if count > 1, Self.singleTags.contains(tag) {
                findings.add(.mixedTags, place, "\(tag) occurs \(count) times")
            }
        }
    }

    private mutating func readVersion(_ place: String, _ findings: inout FindingList) {
        let written = lines.filter { $0.tag == "EXT-X-VERSION" }
        if let second = written.dropFirst().first {
            findings.add(.version, "\(place):\(second.number)", "EXT-X-VERSION occurs twice")
        }
        guard let first = written.first else { return }
        do throws(PlaylistError) {
            version = try first.integer(max: 1000)
        } catch {
            findings.add(.version, "\(place):\(first.number)", error.problem)
        }
    }

    /// The attributes of a line; nil, with a finding, when they are malformed.
    static func attributes(_ line: PlaylistLine, _ place: String, _ findings: inout FindingList) -> AttributeList? {
        do throws(PlaylistError) {
            return try AttributeList(line)
        } catch {
            findings.add(.attributes, "\(place):\(line.number)", "\(line.tag ?? ""): \(error.problem)")
            return nil
        }
    }
}
