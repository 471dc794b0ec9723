// SPDX-License-Identifier: Apache-2.0
//
// Takes the Huffman code off long strings of request header blocks before nghttp2 sees them. nghttp2 decodes four bits
// at a time, which for a token in the path was a ninth of the time of a small hit; `HuffmanDecoder` knows most of
// such a string already. Only the form changes: a string literal may come with or without the code (RFC 7541 section
// 5.2), and the block keeps its fields, their order and their effect on the dynamic table. What is not a whole, plain
// HEADERS frame, or does not look right, goes on as it is: nghttp2 judges it. Belongs to one connection.

/// Walks a connection's input frame by frame. See the head of the file.
struct HeaderBlockExpander {
    /// A frame that would grow beyond this goes on as it came (RFC 9113 section 4.2).
    static let frameBytesMax = frameHeaderBytes + 16_384

    private static let frameHeaderBytes = 9
    /// What a client sends before its first frame (RFC 9113 section 3.4).
    private static let prefaceBytes = 24
    private static let headersType: UInt8 = 1
    private static let endHeadersFlag: UInt8 = 0x04
    private static let paddedFlag: UInt8 = 0x08

    /// Bytes of the present frame, or of the preface, that are still to come.
    private var frameRest = HeaderBlockExpander.prefaceBytes
    /// A frame's header that the end of an input cut in two: how much of it has come, and the length that it tells.
    private var splitHeaderCount = 0
    private var splitLength = 0
    /// Made for the first long string: an idle connection may never send one.
    private var decoder: HuffmanDecoder?

    /// What to hand to nghttp2 next, and how many bytes of `input` (not empty) that stands for. `scratch` holds
    /// `frameBytesMax`; the result points into it or into the input.
    mutating func next(
        _ input: UnsafeRawBufferPointer, scratch: UnsafeMutableRawPointer
    ) -> (bytes: UnsafeRawBufferPointer, used: Int) {
        var position = 0
        while position < input.count {
            if frameRest > 0 {
                let count = min(frameRest, input.count - position)
                frameRest -= count
                position += count
            } else if splitHeaderCount > 0 || input.count - position < Self.frameHeaderBytes {
                takeHeaderByte(input[position])
                position += 1
            } else {
                let length = Int(input[position]) << 16 | Int(input[position + 1]) << 8 | Int(input[position + 2])
                let end = position + Self.frameHeaderBytes + length
                if end <= input.count, isPlainHead(input, at: position, length: length) {
                    // The frames before it go first; it is looked at again in the next call.
                    guard position == 0 else { return (input.slice(0..<position), position) }
                    if let frame = expand(input.slice(0..<end), into: scratch) { return (frame, end) }
                }
                frameRest = length
                position += Self.frameHeaderBytes
            }
        }
        return (input, input.count)
    }

    private mutating func takeHeaderByte(_ byte: UInt8) {
        if splitHeaderCount < 3 { splitLength = splitLength << 8 | Int(byte) }
        splitHeaderCount += 1
        guard splitHeaderCount == Self.frameHeaderBytes else { return }
        frameRest = splitLength
        splitHeaderCount = 0
        splitLength = 0
    }

    /// A HEADERS frame with a whole block that may hold a long string.
    @inline(__always)
    private func isPlainHead(_ input: UnsafeRawBufferPointer, at position: Int, length: Int) -> Bool {
        let flags = input[position + 4]
        return input[position + 3] == Self.headersType && length > FieldBlockCursor.stringBytesMin
            && flags & Self.endHeadersFlag != 0 && flags & Self.paddedFlag == 0
    }

    /// The frame without the code on its long strings; nil when there is nothing to take off.
    private mutating func expand(
        _ frame: UnsafeRawBufferPointer, into scratch: UnsafeMutableRawPointer
    ) -> UnsafeRawBufferPointer? {
        let prioritised = frame[4] & 0x20 != 0
        var cursor = FieldBlockCursor(frame, position: Self.frameHeaderBytes + (prioritised ? 5 : 0))
        var copied = 0
        var count = 0
        while case .string(let start, let text) = cursor.nextLongString() {
            let decoder = decoder ?? HuffmanDecoder()
            self.decoder = decoder
            guard let decoded = decoder.decode(frame.slice(text)), let base = decoded.baseAddress,
                count + (start - copied) + 8 + decoded.count + frame.count - text.upperBound <= Self.frameBytesMax
            else { return nil }
            (scratch + count).copyMemory(from: frame.baseAddress! + copied, byteCount: start - copied)
            count += start - copied
            count += Self.writeLength(decoded.count, at: scratch + count)
            (scratch + count).copyMemory(from: base, byteCount: decoded.count)
            count += decoded.count
            copied = text.upperBound
        }
        guard copied > 0, cursor.isAtEnd else { return nil }
        (scratch + count).copyMemory(from: frame.baseAddress! + copied, byteCount: frame.count - copied)
        count += frame.count - copied
        let length = count - Self.frameHeaderBytes
        for index in 0..<3 {
            scratch.storeBytes(of: UInt8(length >> (16 - 8 * index) & 255), toByteOffset: index, as: UInt8.self)
        }
        return UnsafeRawBufferPointer(start: scratch, count: count)
    }

    /// Writes the length of a string without the code (RFC 7541 section 5.1, seven bits of prefix); the bytes it took.
    private static func writeLength(_ length: Int, at place: UnsafeMutableRawPointer) -> Int {
        guard length >= 127 else {
            place.storeBytes(of: UInt8(length), as: UInt8.self)
            return 1
        }
        place.storeBytes(of: 127, as: UInt8.self)
        var rest = length - 127
        var count = 1
        while rest >= 128 {
            place.storeBytes(of: UInt8(rest & 127) | 128, toByteOffset: count, as: UInt8.self)
            rest >>= 7
            count += 1
        }
        place.storeBytes(of: UInt8(rest), toByteOffset: count, as: UInt8.self)
        return count + 1
    }
}
