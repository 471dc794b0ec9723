// SPDX-License-Identifier: Apache-2.0

/// One subtitle: when it stands, and its text in WebVTT's own markup.
struct SubtitleCue: Sendable, Equatable {
    var startMilliseconds: Int
    var endMilliseconds: Int
    var text: String
}

/// Writes WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format").
enum WebVTT {
    /// One segment of a subtitle rendition, with the cues that stand in `milliseconds`. The local times are those of
    /// the media: both begin at 0 (RFC 8216 section 3.5).
    static func segment(_ cues: [SubtitleCue], in milliseconds: Range<Int>) -> String {
        var out = "WEBVTT\nX-TIMESTAMP-MAP=LOCAL:00:00:00.000,MPEGTS:0\n"
        // A cue that stands over a cut is in both segments.
        for cue in cues
        where cue.startMilliseconds < milliseconds.upperBound && cue.endMilliseconds > milliseconds.lowerBound {
            out += "\n\(timing(cue.startMilliseconds, cue.endMilliseconds))\n\(cue.text)\n"
        }
        return out
    }

    /// `00:00:01.000 --> 00:00:02.500`.
    static func timing(_ start: Int, _ end: Int) -> String { "\(time(start)) --> \(time(end))" }

    private static func time(_ milliseconds: Int) -> String {
        func padded(_ value: Int, _ digits: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, digits - text.count)) + text
        }
        let seconds = milliseconds / 1000
        return "\(padded(seconds / 3600, 2)):\(padded(seconds / 60 % 60, 2)):\(padded(seconds % 60, 2))"
            + ".\(padded(milliseconds % 1000, 3))"
    }

    /// The text of an ASS event as libavcodec gives it (`ReadOrder,Layer,Style,Name,MarginL,MarginR,MarginV,Effect,
    /// Text`) as the text of a cue: italic, bold and underlined stay, all other styling is left out. Empty when
    /// nothing is to be read.
    static func cueText(event: String) -> String {
        let fields = event.split(separator: ",", maxSplits: 8, omittingEmptySubsequences: false)
        guard fields.count == 9 else { return "" }
        var writer = CueTextWriter()
        writer.take(fields[8].unicodeScalars)
        return writer.finish()
    }
}

/// Translates the text of one ASS event.
private struct CueTextWriter {
    /// In ASS `b` is also a weight, as in `\b700`; tags that merely begin alike, as `\be1`, have no number there.
    private static let styles: [Unicode.Scalar] = ["i", "b", "u"]

    private var out = ""
    private var open: [Unicode.Scalar] = []
    /// Inside a vector drawing, which is no text.
    private var isDrawing = false

    mutating func take(_ scalars: Substring.UnicodeScalarView) {
        var rest = scalars
        while let scalar = rest.popFirst() {
            if scalar == "{", let end = rest.firstIndex(of: "}") {
                override(rest[..<end])
                rest = rest[rest.index(after: end)...]
            } else if scalar == "\\", let next = rest.first, "Nnh".unicodeScalars.contains(next) {
                rest.removeFirst()
                put(next == "h" ? "\u{A0}" : "\n")
            } else {
                put(scalar)
            }
        }
    }

    mutating func finish() -> String {
        while !open.isEmpty { close() }
        // An empty line would end the cue.
        let lines = out.split(separator: "\n").map { $0.trimmingPrefix(while: \.isWhitespace) }.filter { !$0.isEmpty }
        let hasText = lines.contains { line in
            var isTag = false
            return line.contains { character in
                if character == "<" { isTag = true }
                defer { if character == ">" { isTag = false } }
                return !isTag
            }
        }
        return hasText ? lines.map(String.init).joined(separator: "\n") : ""
    }

    private mutating func put(_ scalar: Unicode.Scalar) {
        guard !isDrawing else { return }
        switch scalar {
        case "&": out += "&amp;"
        case "<": out += "&lt;"
        case ">": out += "&gt;"
        case "\n": out += "\n"
        // Other control characters have no place in a text.
        case _ where scalar.value < 0x20 || scalar.value == 0x7F: break
        default: out.unicodeScalars.append(scalar)
        }
    }

    /// The tags between two braces, such as `\i1\b0`.
    private mutating func override(_ tags: Substring.UnicodeScalarView) {
        for tag in tags.split(separator: "\\") {
            guard let kind = tag.first else { continue }
            let number = Int(String(tag.dropFirst()))
            if kind == "p", let number { isDrawing = number > 0 }
            if kind == "r" { while !open.isEmpty { close() } }
            guard Self.styles.contains(kind), let number else { continue }
            if number == 0, open.contains(kind) {
                // Only from the inside out: the marks of WebVTT nest.
                while open.last != kind { close() }
                close()
            } else if number > 0, !open.contains(kind) {
                open.append(kind)
                out += "<\(kind)>"
            }
        }
    }

    private mutating func close() {
        if let kind = open.popLast() { out += "</\(kind)>" }
    }
}
