// SPDX-License-Identifier: Apache-2.0

/// Finds the frame headers in the bytes that a client sends on an HTTP/2 connection (RFC 9113 section 4.1), from the
/// first byte of its preface on. Pure: any split of the input gives the same frames.
///
/// It runs before nghttp2, whose callbacks do not tell of every frame: those of unknown types, CONTINUATION and those
/// for streams that are closed cost the server work without a word.
struct FrameScanner {
    struct Header: Equatable {
        var type: UInt8
        var flags: UInt8
        /// Of the payload, in bytes.
        var length: Int
        var streamID: UInt32
    }

    static let prefaceBytes = 24
    static let headerBytes = 9

    /// Bytes of the preface or of a payload that are still to come.
    private var skip = FrameScanner.prefaceBytes
    /// The first bytes of a header that came in pieces, as a big-endian number, and how many.
    private var partial: UInt64 = 0
    private(set) var partialCount = 0

    init() {}

    /// True when the last frame's payload is not all there.
    var isInPayload: Bool { skip > 0 }

    /// Bytes of the last frame's payload that have not been passed over.
    var payloadRest: Int { skip }

    /// The next header whose last byte lies in `input` at or after `position`, which is moved on; nil when the input is
    /// used up.
    @inline(__always)
    mutating func next(_ input: UnsafeRawBufferPointer, at position: inout Int) -> Header? {
        if skip > 0 {
            let count = min(skip, input.count - position)
            skip -= count
            position += count
        }
        guard partialCount == 0, input.count - position >= Self.headerBytes else {
            return nextByByte(input, at: &position)
        }
        // Eight of the nine bytes: the last one is the stream's low byte.
        let word = UInt64(bigEndian: input.loadUnaligned(fromByteOffset: position, as: UInt64.self))
        let last = input[position + 8]
        position += Self.headerBytes
        return take(word, last)
    }

    /// What `input` has of the last frame's payload from `position` on, which is moved behind it.
    @inline(__always)
    mutating func payload(_ input: UnsafeRawBufferPointer, at position: inout Int) -> UnsafeRawBufferPointer {
        let start = position
        position += min(skip, input.count - position)
        skip -= position - start
        return input.slice(start..<position)
    }

    private mutating func nextByByte(_ input: UnsafeRawBufferPointer, at position: inout Int) -> Header? {
        while position < input.count {
            let byte = input[position]
            position += 1
            if partialCount == Self.headerBytes - 1 {
                partialCount = 0
                return take(partial, byte)
            }
            partial = partial << 8 | UInt64(byte)
            partialCount += 1
        }
        return nil
    }

    @inline(__always)
    private mutating func take(_ word: UInt64, _ last: UInt8) -> Header {
        skip = Int(word >> 40)
        return Header(
            type: UInt8(truncatingIfNeeded: word >> 32), flags: UInt8(truncatingIfNeeded: word >> 24),
            length: skip, streamID: UInt32(truncatingIfNeeded: (word & 0x7F_FFFF) << 8) | UInt32(last))
    }
}
