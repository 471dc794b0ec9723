// SPDX-License-Identifier: Apache-2.0

/// Keeps which streams a client has ended, and finds the frames that it sends on them all the same (RFC 9113 section 5.1).
/// nghttp2 forgets a stream as soon as it is closed and passes such frames over in silence. Pure: headers of frames in,
/// in their order, a verdict out.
///
/// Only what the client itself has done counts: a stream that the server has reset may still be sent to by a client that
/// does not know yet, so it is not held against it.
struct StreamLedger {
    enum Violation: Equatable {
        /// A frame on a stream that the client has ended or reset.
        case streamClosed
        /// A new stream with a number below one that is used already (section 5.1.1), or PRIORITY without a stream (6.3).
        case misplaced
    }

    private enum FrameType {
        static let data: UInt8 = 0x0
        static let headers: UInt8 = 0x1
        static let priority: UInt8 = 0x2
        static let resetStream: UInt8 = 0x3
        static let continuation: UInt8 = 0x9
    }

    private static let endStream: UInt8 = 0x1
    private static let endHeaders: UInt8 = 0x4
    /// Streams that are remembered as not ended; of older ones nothing is known any more.
    private static let sendingMax = 256

    /// The highest stream that the client has opened.
    private var highest: UInt32 = 0
    /// Bit n: the stream `highest - 2n` was opened, not left out.
    private var opened: UInt64 = 0
    /// Streams that the client may still send content on.
    private var sending: [UInt32] = []
    private var forgottenBelow: UInt32 = 0
    /// Between HEADERS and END_HEADERS every other frame is an error that nghttp2 finds.
    private var isInBlock = false

    /// Takes the next frame's header. Nil when nothing is wrong that only this type would see.
    @inline(__always)
    mutating func take(_ frame: FrameScanner.Header) -> Violation? {
        switch frame.type {
        case FrameType.headers:
            guard !isInBlock else { return nil }
            isInBlock = frame.flags & Self.endHeaders == 0
            return takeHeaders(frame.streamID, ends: frame.flags & Self.endStream != 0)
        case FrameType.data:
            guard !isInBlock, frame.streamID & 1 == 1, frame.streamID <= highest else { return nil }
            return takeRest(frame.streamID, ends: frame.flags & Self.endStream != 0)
        case FrameType.resetStream: sending.removeAll { $0 == frame.streamID }
        case FrameType.priority: return frame.streamID == 0 && !isInBlock ? .misplaced : nil
        case FrameType.continuation: if frame.flags & Self.endHeaders != 0 { isInBlock = false }
        default: break
        }
        return nil
    }

    @inline(__always)
    private mutating func takeHeaders(_ stream: UInt32, ends: Bool) -> Violation? {
        guard stream & 1 == 1 else { return nil }
        guard stream > highest else {
            let age = (highest - stream) / 2
            let wasOpened = age >= 64 || opened & (1 << UInt64(age)) != 0
            return wasOpened ? takeRest(stream, ends: ends) : .misplaced
        }
        let step = (stream - highest + 1) / 2
        opened = step < 64 ? opened << UInt64(step) | 1 : 1
        highest = stream
        if !ends { remember(stream) }
        return nil
    }

    /// DATA or trailers.
    private mutating func takeRest(_ stream: UInt32, ends: Bool) -> Violation? {
        guard let index = sending.firstIndex(of: stream) else { return stream <= forgottenBelow ? nil : .streamClosed }
        if ends { sending.remove(at: index) }
        return nil
    }

    private mutating func remember(_ stream: UInt32) {
        if sending.count == Self.sendingMax { forgottenBelow = sending.removeFirst() }
        sending.append(stream)
    }
}
