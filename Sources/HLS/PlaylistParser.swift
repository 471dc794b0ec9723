// SPDX-License-Identifier: Apache-2.0

/// Why a playlist could not be read: the line (from 1) and the rule that it breaks.
public struct PlaylistError: Error, Sendable, Equatable, CustomStringConvertible {
    public var line: Int
    public var problem: String

    public init(line: Int, problem: String) {
        self.line = line
        self.problem = problem
    }

    public var description: String { "line \(line): \(problem)" }
}

/// A playlist of either kind.
public enum Playlist: Sendable, Equatable {
    case media(MediaPlaylist)
    case multivariant(MultivariantPlaylist)

    /// The most bytes that `parse` reads; a playlist beyond that is refused.
    public static let bytesMax = 16 << 20
    /// The most segments, variants and renditions of one playlist.
    public static let entriesMax = 200_000

    /// Reads a playlist. Unknown tags and attributes are skipped (RFC 8216 section 6.3.1); what breaks the
    /// grammar or a MUST that the model relies on is an error. Never reads or fetches anything.
    public static func parse(_ bytes: some Collection<UInt8>) throws(PlaylistError) -> Playlist {
        guard bytes.count <= bytesMax else {
            throw PlaylistError(line: 1, problem: "the playlist is larger than \(bytesMax) bytes")
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw PlaylistError(line: 1, problem: "the playlist is not UTF-8")
        }
        let lines = try splitLines(text)
        guard lines.first?.text == "#EXTM3U" else {
            throw PlaylistError(line: 1, problem: "the first line is not #EXTM3U")
        }
        // Section 4.3.4: tags of both kinds in one playlist are an error; each parser refuses the other's.
        let isMultivariant = lines.contains { $0.tag == "EXT-X-STREAM-INF" || $0.tag == "EXT-X-MEDIA" }
        if isMultivariant {
            var parser = MultivariantParser()
            for line in lines.dropFirst() { try parser.consume(line) }
            return .multivariant(try parser.finish())
        }
        var parser = MediaParser()
        for line in lines.dropFirst() { try parser.consume(line) }
        return .media(try parser.finish())
    }

    /// Cuts a text into lines ended by LF or CRLF; blank lines and comments are left out.
    private static func splitLines(_ text: String) throws(PlaylistError) -> [PlaylistLine] {
        var lines: [PlaylistLine] = []
        var number = 0
        for raw in text.utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let content = raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw
            for byte in content where byte < 0x20 && byte != 0x09 || byte == 0x7F {
                throw PlaylistError(line: number, problem: "a control character")
            }
            if content.isEmpty { continue }
            let line = PlaylistLine(number: number, text: String(decoding: content, as: UTF8.self))
            if line.text.hasPrefix("#"), line.tag == nil { continue }
            lines.append(line)
        }
        return lines
    }
}

/// One line of a playlist that means something: a tag with its value, or a URI.
struct PlaylistLine {
    var number: Int
    var text: String
    /// The tag's name without `#`; nil for a URI.
    var tag: String?
    /// What follows the colon of a tag.
    var value = ""

    init(number: Int, text: String) {
        self.number = number
        self.text = text
        guard text.hasPrefix("#EXT") else { return }
        if let colon = text.firstIndex(of: ":") {
            tag = String(text[text.index(after: text.startIndex)..<colon])
            value = String(text[text.index(after: colon)...])
        } else {
            tag = String(text.dropFirst())
        }
    }

    func error(_ problem: String) -> PlaylistError { PlaylistError(line: number, problem: problem) }

    /// The value as a decimal-integer (section 4.2), not above `maximum`.
    func integer(_ text: String? = nil, max maximum: Int = 1 << 53) throws(PlaylistError) -> Int {
        let digits = text ?? value
        guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(digits),
            number <= maximum
        else { throw error("`\(digits.prefix(40))` is not a whole number up to \(maximum)") }
        return number
    }

    /// A decimal-floating-point that is not negative (section 4.2).
    func float(_ text: String) throws(PlaylistError) -> Double {
        guard !text.isEmpty, text.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }),
            let number = Double(text), number.isFinite, number <= 1e9
        else { throw error("`\(text.prefix(40))` is not a decimal number") }
        return number
    }

    /// `length[@offset]`.
    func byteRange(_ text: String) throws(PlaylistError) -> ByteRange {
        let parts = text.split(separator: "@", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        return ByteRange(
            length: try integer(parts[0]), offset: parts.count == 2 ? try integer(parts[1]) : nil)
    }
}
