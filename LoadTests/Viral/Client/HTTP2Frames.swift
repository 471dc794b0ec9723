// SPDX-License-Identifier: Apache-2.0

/// The frames that a light HTTP/2 client sends (RFC 9113 section 4.1).
enum HTTP2Frames {
    enum Kind: UInt8 {
        case data = 0
        case headers = 1
        case resetStream = 3
        case settings = 4
        case ping = 6
        case goAway = 7
        case windowUpdate = 8
        case continuation = 9
    }

    static let headerBytes = 9
    static let endStream: UInt8 = 0x1
    static let acknowledged: UInt8 = 0x1
    static let endHeaders: UInt8 = 0x4
    static let padded: UInt8 = 0x8
    static let priority: UInt8 = 0x20
    /// What a server may send ahead on a stream, and on a connection, without having been given more (section 6.9.2).
    static let windowBytes = 65_535

    /// The preface (section 3.4), and SETTINGS without a dynamic table and without push.
    static let opening: [UInt8] =
        Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
        + frame(.settings, flags: 0, stream: 0, setting(1, 0) + setting(2, 0))

    /// Lets the server send so much more on the stream and on the connection (section 6.9).
    static func window(_ bytes: Int, stream: UInt32) -> [UInt8] {
        let increment = bigEndian(UInt32(clamping: bytes))
        return frame(.windowUpdate, flags: 0, stream: stream, increment)
            + frame(.windowUpdate, flags: 0, stream: 0, increment)
    }

    /// A GET without content. `path` is a request target in ASCII.
    static func get(stream: UInt32, authority: String, path: String) -> [UInt8] {
        // Indexed :method GET and :scheme https, then :authority and :path as literals (RFC 7541 section 6.2.2).
        let block = [0x82, 0x87, 0x01] + text(authority) + [0x04] + text(path)
        return frame(.headers, flags: endStream | endHeaders, stream: stream, block)
    }

    static func frame(_ kind: Kind, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let length = bigEndian(UInt32(payload.count)).suffix(3)
        return Array(length) + [kind.rawValue, flags] + bigEndian(stream) + payload
    }

    private static func setting(_ identifier: UInt8, _ value: UInt32) -> [UInt8] { [0, identifier] + bigEndian(value) }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: value >> $0) }
    }

    /// A string literal without Huffman coding (RFC 7541 section 5.2), its length as an integer of seven bits' prefix.
    private static func text(_ string: String) -> [UInt8] {
        let bytes = Array(string.utf8)
        guard bytes.count >= 127 else { return [UInt8(bytes.count)] + bytes }
        var prefix: [UInt8] = [127]
        var rest = bytes.count - 127
        while rest >= 128 {
            prefix.append(UInt8(rest % 128) | 0x80)
            rest /= 128
        }
        return prefix + [UInt8(rest)] + bytes
    }
}
