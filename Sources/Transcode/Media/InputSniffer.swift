// SPDX-License-Identifier: Apache-2.0

/// Looks at the first bytes of an upload before libav does, for a reason that a person understands.
///
/// This is for the message: safety rests on the demuxer's lists (see `Demuxer`).
enum InputSniffer {
    /// How much of the file is looked at.
    static let headBytes = 4096

    /// Why a file that starts with `head` can not be a video; nil when it may be one.
    static func objection(to head: [UInt8]) -> String? {
        if head.isEmpty { return "The file is empty." }
        let text = withoutByteOrderMark(head).drop { $0 == 0x20 || (0x09...0x0D).contains($0) }
        if let name = playlistName(text) {
            return "The file is \(name), not a video file; upload the video itself."
        }
        for (magic, name) in otherFormats where head.starts(with: magic) {
            return "The file is \(name), not a video."
        }
        if isText(head) { return "The file is a text, not a video file." }
        return nil
    }

    /// True for the first boxes that MP4 and MOV files start with (ISO/IEC 14496-12 section 4.3).
    static func looksLikeMP4(_ head: [UInt8]) -> Bool {
        guard head.count >= 8 else { return false }
        return ["ftyp", "mdat", "moov", "free", "wide", "skip"].contains(String(decoding: head[4..<8], as: UTF8.self))
    }

    private static let otherFormats: [([UInt8], String)] = [
        ([0xFF, 0xD8, 0xFF], "a JPEG picture"),
        ([0x89, 0x50, 0x4E, 0x47], "a PNG picture"),
        (Array("GIF8".utf8), "a GIF picture"),
        (Array("%PDF".utf8), "a PDF document"),
        (Array("PK\u{3}\u{4}".utf8), "a ZIP archive"),
        ([0x1F, 0x8B], "a gzip archive"),
        ([0x7F, 0x45, 0x4C, 0x46], "a program"),
    ]

    private static func playlistName(_ text: ArraySlice<UInt8>) -> String? {
        let start = String(decoding: text.prefix(512), as: UTF8.self).lowercased()
        if start.hasPrefix("#extm3u") { return "an HLS playlist" }
        if start.hasPrefix("ffconcat") { return "a list of files (ffconcat)" }
        if start.hasPrefix("<smoothstreamingmedia") { return "a Smooth Streaming manifest" }
        if start.hasPrefix("<mpd") || start.hasPrefix("<?xml") && start.contains("<mpd") { return "a DASH manifest" }
        if start.hasPrefix("<!doctype html") || start.hasPrefix("<html") { return "a web page" }
        return nil
    }

    private static func withoutByteOrderMark(_ head: [UInt8]) -> ArraySlice<UInt8> {
        head.starts(with: [0xEF, 0xBB, 0xBF]) ? head.dropFirst(3) : head[...]
    }

    /// No control characters but white space, and UTF-8 up to a character that the end may have cut.
    private static func isText(_ head: [UInt8]) -> Bool {
        guard head.allSatisfy({ $0 >= 0x20 && $0 != 0x7F || (0x09...0x0D).contains($0) }) else { return false }
        return (0...3).contains { cut in
            head.count > cut && String(validating: head.dropLast(cut), as: UTF8.self) != nil
        }
    }
}
