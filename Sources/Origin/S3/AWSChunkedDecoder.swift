// SPDX-License-Identifier: Apache-2.0

/// Takes the `aws-chunked` framing off a body, piece by piece:
///
///     HEX-SIZE[;extension]CRLF bytes CRLF … 0[;extension]CRLF [trailer: value CRLF …] CRLF
///
/// Holds only the line that is being read, never data.
struct AWSChunkedDecoder {
    /// The longest size line or trailer line, and the most trailers.
    static let lineBytesMax = 1024
    static let trailersMax = 16

    enum Failure: Error, Equatable {
        case malformed(String)
    }

    private enum State {
        case sizeLine
        case data(remaining: Int)
        case dataEnd
        case trailerLine
        case done
    }

    private var state = State.sizeLine
    private var line: [UInt8] = []
    /// Lower-case names with their values, in their order; complete when `isDone`.
    private(set) var trailers: [(name: String, value: String)] = []

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
                try emit(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
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
            state = size == 0 ? .trailerLine : .data(remaining: size)
        case .dataEnd:
            guard text.isEmpty else { throw .malformed("a chunk is longer than its size") }
            state = .sizeLine
        case .trailerLine:
            if text.isEmpty {
                state = .done
                return
            }
            let halves = text.split(separator: UInt8(ascii: ":"), maxSplits: 1)
            guard halves.count == 2, trailers.count < Self.trailersMax else {
                throw .malformed("a trailer is not `name: value`, or there are too many")
            }
            let name = String(decoding: halves[0], as: UTF8.self).lowercased()
            trailers.append((name, String(decoding: halves[1], as: UTF8.self).filter { $0 != " " }))
        case .data, .done: break
        }
    }
}
