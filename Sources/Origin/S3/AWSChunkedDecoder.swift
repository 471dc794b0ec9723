// SPDX-License-Identifier: Apache-2.0

/// Takes the `aws-chunked` framing off a body, piece by piece:
///
///     HEX-SIZE[;extension]CRLF bytes CRLF … 0[;extension]CRLF [trailer: value CRLF …] CRLF
///
/// Holds only the line that is being read, never data. What it hands on is to be believed only when it is done: a chunk's
/// signature can not be checked before its last byte.
struct AWSChunkedDecoder {
    /// The longest size line or trailer line, and the most trailers.
    static let lineBytesMax = 1024
    static let trailersMax = 16

    enum Failure: Error, Equatable {
        case malformed(String)
        /// A chunk or the trailers are not what was signed.
        case signatureMismatch
    }

    private enum State {
        case sizeLine
        case data(remaining: Int)
        case dataEnd
        case trailerLine
        case done
    }

    /// Nil for unsigned chunks.
    private var signatures: ChunkSignatures?
    private var state = State.sizeLine
    private var line: [UInt8] = []
    /// Lower-case names with their values, in their order; complete when `isDone`.
    private(set) var trailers: [(name: String, value: String)] = []

    init(signatures: ChunkSignatures? = nil) {
        self.signatures = signatures
    }

    /// True when the last chunk and the trailers were read.
    var isDone: Bool { if case .done = state { true } else { false } }

    /// Reads the next bytes of the body and hands what they carry to `emit`, slice by slice.
    mutating func feed(
        _ bytes: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) throws -> Void
    ) throws {
        var rest = bytes[...]
        while !rest.isEmpty {
            switch state {
            case .data(let remaining):
                let count = min(remaining, rest.count)
                let slice = UnsafeRawBufferPointer(rebasing: rest.prefix(count))
                signatures?.update(slice)
                try emit(slice)
                rest = rest.dropFirst(count)
                state = count == remaining ? .dataEnd : .data(remaining: remaining - count)
            case .sizeLine, .dataEnd, .trailerLine:
                guard let byte = rest.popFirst() else { return }
                if let complete = try appendToLine(byte) { try endLine(complete) }
            case .done:
                throw Failure.malformed("bytes behind the last chunk")
            }
        }
    }

    /// The line without CRLF when this byte ended it.
    private mutating func appendToLine(_ byte: UInt8) throws(Failure) -> [UInt8]? {
        guard byte == UInt8(ascii: "\n") else {
            guard line.count < Self.lineBytesMax else { throw .malformed("a line is too long") }
            line.append(byte)
            return nil
        }
        guard line.last == UInt8(ascii: "\r") else { throw .malformed("a line does not end with CRLF") }
        line.removeLast()
        defer { line.removeAll(keepingCapacity: true) }
        return line
    }

    private mutating func endLine(_ text: [UInt8]) throws(Failure) {
        switch state {
        case .sizeLine:
            let digits = text.prefix { $0 != UInt8(ascii: ";") }
            guard (1...12).contains(digits.count), let size = Int(String(decoding: digits, as: UTF8.self), radix: 16),
                size >= 0
            else { throw .malformed("a chunk's size is not a hexadecimal number") }
            signatures?.begin(announced: Self.signature(in: text))
            if size == 0 { try endChunk() }
            state = size == 0 ? .trailerLine : .data(remaining: size)
        case .dataEnd:
            guard text.isEmpty else { throw .malformed("a chunk is longer than its size") }
            try endChunk()
            state = .sizeLine
        case .trailerLine: try endTrailerLine(text)
        case .data, .done: break
        }
    }

    private mutating func endChunk() throws(Failure) {
        if signatures?.endChunk() == false { throw .signatureMismatch }
    }

    private mutating func endTrailerLine(_ text: [UInt8]) throws(Failure) {
        guard !text.isEmpty else {
            // The signature is the last of the trailers and covers the others.
            if signatures?.coversTrailers == true {
                guard let last = trailers.popLast(), last.name == "x-amz-trailer-signature",
                    signatures?.endTrailers(trailers, signature: last.value) == true
                else { throw .signatureMismatch }
            }
            state = .done
            return
        }
        let halves = text.split(separator: UInt8(ascii: ":"), maxSplits: 1)
        guard halves.count == 2, trailers.count < Self.trailersMax else {
            throw .malformed("a trailer is not `name: value`, or there are too many")
        }
        let name = String(decoding: halves[0], as: UTF8.self).lowercased()
        trailers.append((name, String(decoding: halves[1], as: UTF8.self).filter { $0 != " " }))
    }

    /// The value of `chunk-signature=` in a size line; empty when there is none, which no signature equals.
    private static func signature(in sizeLine: [UInt8]) -> String {
        let fields = String(decoding: sizeLine, as: UTF8.self).split(separator: ";").dropFirst()
        let name = "chunk-signature="
        return fields.first { $0.hasPrefix(name) }.map { String($0.dropFirst(name.count)) } ?? ""
    }
}
