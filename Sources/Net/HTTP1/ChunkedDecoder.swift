// SPDX-License-Identifier: Apache-2.0

/// Takes the chunked coding off a body, piece by piece (RFC 9112 section 7.1). Pure: any split of the input
/// gives the same body. Chunk extensions are skipped, trailers read and dropped, both within a limit; a line feed
/// without its carriage return, and any other control character, is refused in both.
struct ChunkedDecoder {
    enum Step: Equatable {
        /// Bytes of the input that are body, as a range of it.
        case body(Range<Int>)
        /// The input is used up.
        case needsInput
        /// The body is complete; the number of input bytes used.
        case end(used: Int)
        case malformed
    }

    private enum State: Equatable {
        case size(digits: Int)
        case extensionSpace, extensions, sizeLineFeed
        case data, dataCarriageReturn, dataLineFeed
        case trailerStart, trailer, trailerLineFeed, finalLineFeed
        case done
    }

    private static let overheadBytesMax = 16_384

    private var state = State.size(digits: 0)
    private var remaining = 0
    private var overhead = 0

    /// Continues at `position` of `input`, which is moved on; call until it needs input, ends or fails.
    mutating func next(_ input: UnsafeRawBufferPointer, at position: inout Int) -> Step {
        while position < input.count {
            if state == .data {
                let count = min(remaining, input.count - position)
                let range = position..<position + count
                position += count
                remaining -= count
                if remaining == 0 { state = .dataCarriageReturn }
                return .body(range)
            }
            guard takeFraming(input[position]) else { return .malformed }
            position += 1
            if state == .done { return .end(used: position) }
        }
        return .needsInput
    }

    /// Takes one byte that is not body. False when it does not belong there.
    private mutating func takeFraming(_ byte: UInt8) -> Bool {
        overhead += 1
        guard overhead <= Self.overheadBytesMax else { return false }
        switch state {
        case .size(let digits): return takeSize(byte, digits: digits)
        case .extensionSpace, .extensions: return takeExtension(byte)
        case .sizeLineFeed:
            guard byte == 0x0A else { return false }
            overhead = 0
            state = remaining == 0 ? .trailerStart : .data
        case .dataCarriageReturn:
            guard byte == 0x0D else { return false }
            state = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { return false }
            state = .size(digits: 0)
        case .trailerStart:
            if byte == 0x0D { state = .finalLineFeed } else { return takeTrailerStart(byte) }
        case .trailer:
            if byte == 0x0D { state = .trailerLineFeed } else { return isFieldValueCharacter(byte) }
        case .trailerLineFeed:
            guard byte == 0x0A else { return false }
            state = .trailerStart
        case .finalLineFeed:
            guard byte == 0x0A else { return false }
            state = .done
        case .data, .done: return false
        }
        return true
    }

    private mutating func takeSize(_ byte: UInt8, digits: Int) -> Bool {
        if let value = hexDigit(byte) {
            // Fifteen digits are far beyond any limit and can not overflow.
            guard digits < 15 else { return false }
            remaining = (digits == 0 ? 0 : remaining) << 4 | value
            state = .size(digits: digits + 1)
            return true
        }
        guard digits > 0 else { return false }
        return takeExtension(byte)
    }

    /// Spaces may stand before a semicolon only (RFC 9112 section 7.1.1).
    private mutating func takeExtension(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x0D:
            guard state != .extensionSpace else { return false }
            state = .sizeLineFeed
        case UInt8(ascii: ";"): state = .extensions
        case 0x20, 0x09: if state != .extensions { state = .extensionSpace }
        default: return state == .extensions && isFieldValueCharacter(byte)
        }
        return true
    }

    /// A trailer field begins with its name: a folded line or an empty name is refused.
    private mutating func takeTrailerStart(_ byte: UInt8) -> Bool {
        state = .trailer
        return isTokenCharacter(byte)
    }

    private func hexDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte - 0x30)
        case 0x41...0x46: Int(byte - 0x41 + 10)
        case 0x61...0x66: Int(byte - 0x61 + 10)
        default: nil
        }
    }
}
