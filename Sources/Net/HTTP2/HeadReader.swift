// SPDX-License-Identifier: Apache-2.0
//
// Takes the header blocks out of a connection's input: they are decoded here, and nghttp2 is told of each head that it
// is there by a HEADERS frame with an empty block. All other frames go on as they came, in their order. A block that
// comes in several frames or inputs is put together in a buffer of a pool, which holds the largest block there may be.
// Belongs to one session, which calls `free` at its end.

import CNGHTTP2

/// Walks a connection's input frame by frame. See the head of the file.
struct HeadReader {
    enum Step {
        /// Bytes that go on as they are.
        case frames(UnsafeRawBufferPointer)
        /// The same for the header of a frame that came in two inputs.
        case header(ShortFrame)
        /// A whole header block, valid until the next step, and the frame that stands for it.
        case head(ShortFrame, block: UnsafeRawBufferPointer)
        /// The input is used up.
        case end
        /// A connection error (RFC 9113 section 5.4.1).
        case broken(nghttp2_error_code)
        /// A block is larger than any may be.
        case tooLong
    }

    private static let endHeaders: UInt8 = 0x4
    private static let padded: UInt8 = 0x8
    private static let prioritised: UInt8 = 0x20
    private static let priorityBytes = 5
    /// SETTINGS_MAX_FRAME_SIZE at its first value, which holds here.
    private static let payloadBytesMax = 16_384

    private var scanner = FrameScanner()
    /// The header of a frame that is part of a head and is to be looked at in the next step.
    private var pending: FrameScanner.Header?
    /// The present frame is part of a head, and its payload is being collected.
    private var collected: FrameScanner.Header?
    /// The HEADERS frame of a head that goes on in CONTINUATION frames.
    private var open: ShortFrame?
    /// What has come of a block that is not all in one input.
    private var held: UnsafeMutableRawPointer?
    private var heldCount = 0

    init() {}

    /// Gives the buffer back, if there is one.
    mutating func free(_ pool: BufferPool) {
        if let held { pool.give(held) }
        held = nil
        heldCount = 0
    }

    /// What comes next in `input` from `position` on, which is moved behind it. `pool` has buffers of
    /// `HeaderDecoder.blockBytesMax`.
    @inline(__always)
    mutating func next(_ input: UnsafeRawBufferPointer, at position: inout Int, _ pool: BufferPool) -> Step {
        if held != nil, open == nil, collected == nil { free(pool) }
        var start = position
        while true {
            if pending != nil || collected != nil {
                if let step = continueHead(input, at: &position, pool) { return step }
                start = position
            }
            guard let header = scanner.next(input, at: &position) else { break }
            let headerStart = position - FrameScanner.headerBytes
            // One that is too large is for nghttp2 to refuse.
            if open != nil || (header.type == NGHTTP2_HEADERS.rawValue && header.length <= Self.payloadBytesMax) {
                pending = header
                if headerStart > start { return .frames(input.slice(start..<headerStart)) }
            } else if headerStart < 0 {
                return .header(ShortFrame(header))
            }
        }
        // The beginning of a header is kept until it is known whose it is.
        let end = position - scanner.partialCount
        return end > start ? .frames(input.slice(start..<end)) : .end
    }

    /// Goes on with a frame that is part of a head. Nil when that does not end the head.
    @inline(__always)
    private mutating func continueHead(
        _ input: UnsafeRawBufferPointer, at position: inout Int, _ pool: BufferPool
    ) -> Step? {
        if let header = pending {
            pending = nil
            if open == nil, header.flags & Self.endHeaders != 0, input.count - position >= header.length {
                return head(ShortFrame(header), header, scanner.payload(input, at: &position))
            }
            if open != nil, let code = Self.fault(header, open) { return .broken(code) }
            collected = header
        }
        guard let header = collected else { return nil }
        return collect(header, scanner.payload(input, at: &position), pool)
    }

    /// Why a frame can not be the next one of an open head; nil when it can.
    private static func fault(_ header: FrameScanner.Header, _ open: ShortFrame?) -> nghttp2_error_code? {
        guard header.type == NGHTTP2_CONTINUATION.rawValue, header.streamID == open?.streamID else {
            return NGHTTP2_PROTOCOL_ERROR
        }
        return header.length > payloadBytesMax ? NGHTTP2_FRAME_SIZE_ERROR : nil
    }

    private mutating func collect(
        _ header: FrameScanner.Header, _ payload: UnsafeRawBufferPointer, _ pool: BufferPool
    ) -> Step? {
        let held = held ?? pool.take()
        self.held = held
        guard payload.count <= HeaderDecoder.blockBytesMax - heldCount else { return .tooLong }
        if let base = payload.baseAddress { (held + heldCount).copyMemory(from: base, byteCount: payload.count) }
        heldCount += payload.count
        guard !scanner.isInPayload else { return nil }
        collected = nil
        guard let first = open else {
            let step = head(ShortFrame(header), header, UnsafeRawBufferPointer(start: held, count: heldCount))
            guard header.flags & Self.endHeaders == 0, case .head(let frame, let block) = step else { return step }
            // More comes behind the block itself.
            if let base = block.baseAddress { held.copyMemory(from: base, byteCount: block.count) }
            heldCount = block.count
            open = frame
            return nil
        }
        guard header.flags & Self.endHeaders != 0 else { return nil }
        open = nil
        return .head(first, block: UnsafeRawBufferPointer(start: held, count: heldCount))
    }

    /// The head that a HEADERS frame has or begins: without its padding, its priority apart (RFC 9113 section 6.2).
    @inline(__always)
    private func head(
        _ frame: ShortFrame, _ header: FrameScanner.Header, _ payload: UnsafeRawBufferPointer
    ) -> Step {
        var frame = frame
        var start = 0
        var paddingBytes = 0
        if header.flags & Self.padded != 0 {
            guard let first = payload.first else { return .broken(NGHTTP2_FRAME_SIZE_ERROR) }
            paddingBytes = Int(first)
            start = 1
        }
        let isPrioritised = header.flags & Self.prioritised != 0
        if isPrioritised {
            guard payload.count - start >= Self.priorityBytes else { return .broken(NGHTTP2_FRAME_SIZE_ERROR) }
            start += Self.priorityBytes
        }
        guard payload.count - start >= paddingBytes else { return .broken(NGHTTP2_PROTOCOL_ERROR) }
        frame.makeHead(priority: isPrioritised ? payload.slice(start - Self.priorityBytes..<start) : nil)
        return .head(frame, block: payload.slice(start..<payload.count - paddingBytes))
    }
}
