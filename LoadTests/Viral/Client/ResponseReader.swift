// SPDX-License-Identifier: Apache-2.0
//
// A state machine without I/O: bytes of one connection in, events out. Belongs to its connection. It knows no streams:
// its client has one request under way at a time.

/// What a server said.
enum ResponseEvent: Equatable {
    /// The head of the response has begun to come; its status.
    case status(Int)
    case end
    /// The server's SETTINGS, which want to be acknowledged.
    case settings
    /// A PING, whose eight bytes want to be sent back.
    case ping([UInt8])
    /// The stream was reset or the connection is being closed, with an error code (RFC 9113 section 7).
    case refused(code: UInt32)
    /// It is not HTTP/2, or uses what this client has not offered.
    case malformed
}

/// Reads a server's frames (RFC 9113 section 4). Bodies are passed on as they come, other frames once they are whole.
struct ResponseReader {
    /// What a server may send without having been allowed more (section 6.5.2, SETTINGS_MAX_FRAME_SIZE).
    private static let frameBytesMax = 16_384

    private var header: [UInt8] = []
    private var payload: [UInt8] = []
    private var remaining = 0
    private var isInPayload = false
    private var hasHead = false
    private var isBroken = false
    private let decoder: StatusDecoder

    /// Nil when there is no memory.
    init?() {
        guard let decoder = StatusDecoder() else { return nil }
        self.decoder = decoder
    }

    /// `body` gets pieces of bodies, `event` everything else, in the order in which they came. After `.malformed` nothing
    /// more comes.
    mutating func consume(
        _ bytes: UnsafeRawBufferPointer, body: (UnsafeRawBufferPointer) -> Void, event: (ResponseEvent) -> Void
    ) {
        var offset = 0
        while offset < bytes.count, !isBroken {
            if !isInPayload {
                let taken = min(HTTP2Frames.headerBytes - header.count, bytes.count - offset)
                header.append(contentsOf: bytes[offset..<offset + taken])
                offset += taken
                guard header.count == HTTP2Frames.headerBytes, begin(event) else { continue }
            }
            let taken = min(remaining, bytes.count - offset)
            let piece = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + taken])
            offset += taken
            remaining -= taken
            if kind == .data {
                if taken > 0 { body(piece) }
            } else {
                payload.append(contentsOf: piece)
            }
            if remaining == 0 { finish(event) }
        }
    }

    private var kind: HTTP2Frames.Kind? { HTTP2Frames.Kind(rawValue: header[3]) }
    private var flags: UInt8 { header[4] }

    /// A frame's header is there. False when the frame can not be.
    private mutating func begin(_ event: (ResponseEvent) -> Void) -> Bool {
        remaining = Int(header[0]) << 16 | Int(header[1]) << 8 | Int(header[2])
        isInPayload = true
        guard remaining <= Self.frameBytesMax, kind != .data || flags & HTTP2Frames.padded == 0 else {
            fail(event)
            return false
        }
        return true
    }

    private mutating func finish(_ event: (ResponseEvent) -> Void) {
        switch kind {
        case .headers, .continuation: readHead(event)
        case .settings where flags & HTTP2Frames.acknowledged == 0: event(.settings)
        case .ping where flags & HTTP2Frames.acknowledged == 0: event(.ping(payload))
        case .resetStream, .goAway: event(.refused(code: payload.dropFirst(kind == .goAway ? 4 : 0).bigEndian))
        default: break
        }
        if !isBroken, kind == .data || kind == .headers, flags & HTTP2Frames.endStream != 0 {
            hasHead = false
            event(.end)
        }
        header.removeAll(keepingCapacity: true)
        payload.removeAll(keepingCapacity: true)
        isInPayload = false
    }

    /// A head in one HEADERS frame without padding: what the servers under test send. Trailers are not looked at.
    private mutating func readHead(_ event: (ResponseEvent) -> Void) {
        let plain = HTTP2Frames.padded | HTTP2Frames.priority
        guard kind == .headers, flags & plain == 0, flags & HTTP2Frames.endHeaders != 0,
            let status = decoder.decode(payload)
        else { return fail(event) }
        guard !hasHead, status >= 200 else { return }
        hasHead = true
        event(.status(status))
    }

    private mutating func fail(_ event: (ResponseEvent) -> Void) {
        isBroken = true
        event(.malformed)
    }
}

extension ArraySlice<UInt8> {
    /// The first four bytes; fewer are as good as zero.
    fileprivate var bigEndian: UInt32 { prefix(4).reduce(0) { $0 << 8 | UInt32($1) } }
}
