// SPDX-License-Identifier: Apache-2.0
//
// Several ranges of one body as multipart/byteranges (RFC 9110 section 14.6). Made for one response and read on its
// loop; the bytes of the parts stay in the body that they are ranges of, which may still be arriving.

/// The body of a 206 response with several parts.
public final class MultipartBody: BodySource {
    private enum Piece {
        /// Bytes of `texts`: the head of a part, or the closing line.
        case text(Range<Int>)
        case range(Range<Int>)
    }

    /// Between the parts; different for each process, so that no stored body can hold it on purpose.
    public static let boundary: String = {
        var random = SystemRandomNumberGenerator()
        return "part-" + (0..<2).map { _ in String(random.next(), radix: 16) }.joined()
    }()

    /// What the ranges are ranges of.
    public let source: BodySource
    public let count: Int
    private let texts: BytesBody
    /// Where each piece begins in this body, and what it is.
    private let pieces: [(start: Int, piece: Piece)]

    /// `parts` are ranges of `source`, whose length is `length`; `type` is its content type, empty for none.
    public init(_ source: BodySource, parts: [Range<Int>], length: Int, type: [UInt8]) {
        var texts: [UInt8] = []
        var pieces: [(start: Int, piece: Piece)] = []
        var end = 0
        func add(_ text: String, _ more: [UInt8] = []) {
            let start = texts.count
            texts.append(contentsOf: text.utf8)
            texts.append(contentsOf: more)
            pieces.append((end, .text(start..<texts.count)))
            end += texts.count - start
        }
        for part in parts {
            add("\(pieces.isEmpty ? "" : "\r\n")--\(Self.boundary)\r\n")
            if !type.isEmpty { add("Content-Type: ", type + Array("\r\n".utf8)) }
            add("Content-Range: bytes \(part.lowerBound)-\(part.upperBound - 1)/\(length)\r\n\r\n")
            pieces.append((end, .range(part)))
            end += part.count
        }
        add("\r\n--\(Self.boundary)--\r\n")
        self.source = source
        self.texts = BytesBody(texts)
        self.pieces = pieces
        count = end
    }

    public override func window(at offset: Int) -> Window {
        guard offset < count, let index = pieces.lastIndex(where: { $0.start <= offset }) else { return .end }
        let inside = offset - pieces[index].start
        switch pieces[index].piece {
        case .text(let range): return clamped(texts.window(at: range.lowerBound + inside), range.count - inside)
        case .range(let range):
            let window = source.window(at: range.lowerBound + inside)
            // The source ends before a range of it does: it was cut off.
            if case .end = window { return .failed }
            return clamped(window, range.count - inside)
        }
    }

    /// What is left of the range of the source that the byte at `offset` is of; nil for one between the parts.
    public func sourceRange(at offset: Int) -> Range<Int>? {
        guard offset < count, let index = pieces.lastIndex(where: { $0.start <= offset }),
            case .range(let range) = pieces[index].piece
        else { return nil }
        return range.lowerBound + offset - pieces[index].start..<range.upperBound
    }

    private func clamped(_ window: Window, _ most: Int) -> Window {
        guard case .bytes(let bytes) = window else { return window }
        return .bytes(bytes.slice(0..<min(bytes.count, most)))
    }
}
