// SPDX-License-Identifier: Apache-2.0

/// The header of a frame (RFC 9113 section 4.1), or a whole HEADERS frame without fields, as bytes for nghttp2.
struct ShortFrame {
    private static let endHeaders: UInt8 = 0x4
    private static let prioritised: UInt8 = 0x20

    private var header: FrameScanner.Header
    /// The five bytes of a priority (RFC 9113 section 6.2), the first one highest.
    private var priority: UInt64 = 0
    private var byteCount = FrameScanner.headerBytes

    init(_ header: FrameScanner.Header) {
        self.header = header
    }

    var streamID: UInt32 { header.streamID }

    /// Makes of a HEADERS frame's header a frame with an empty block that ends the head.
    @inline(__always)
    mutating func makeHead(priority bytes: UnsafeRawBufferPointer?) {
        header.flags = header.flags & 0x1 | Self.endHeaders
        header.length = 0
        guard let bytes else { return }
        for byte in bytes { priority = priority << 8 | UInt64(byte) }
        header.flags |= Self.prioritised
        header.length = bytes.count
        byteCount += bytes.count
    }

    @inline(__always)
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        let first =
            UInt64(header.length) << 40 | UInt64(header.type) << 32 | UInt64(header.flags) << 24
            | UInt64(header.streamID >> 8)
        let second = UInt64(header.streamID & 0xFF) << 56 | priority << 16
        return withUnsafeBytes(of: (first.bigEndian, second.bigEndian)) {
            body(UnsafeRawBufferPointer(rebasing: $0[..<byteCount]))
        }
    }
}
