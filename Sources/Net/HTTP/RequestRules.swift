// SPDX-License-Identifier: Apache-2.0

/// What both protocol versions ask of a request once its fields are together. Pure.
enum RequestRules {
    /// Settles the authority of `head`. Returns the status to refuse the request with; nil when it is well-formed.
    @inline(__always)
    static func refusal(_ head: inout RequestHead, isHTTP2: Bool) -> Int? {
        if head.authority.isEmpty {
            head.authority = head.host
        } else if !head.host.isEmpty {
            guard isAuthority(head.host) else { return 400 }
            // RFC 9113 section 8.3.1 wants them equal; RFC 9112 section 3.2.2 lets an absolute target win.
            guard !isHTTP2 || isSame(head.host, head.authority) else { return 400 }
        }
        guard isAuthority(head.authority) || (head.authority.isEmpty && head.isHTTP10) else { return 400 }
        guard isTarget(head.target, head.method) else { return 400 }
        // RFC 9110 section 10.1.1; HTTP/1.0 has no expectations.
        guard head.expect.isEmpty || head.isHTTP10 || head.expect.equalsIgnoringCase("100-continue") else { return 417 }
        return nil
    }

    @inline(__always)
    private static func isTarget(_ target: UnsafeRawBufferPointer, _ method: Method) -> Bool {
        guard method != .connect else { return target.isEmpty }
        guard let first = target.first else { return false }
        if first == UInt8(ascii: "*") { return target.count == 1 && method == .options }
        // A fragment is never sent (RFC 9110 section 4.2.5).
        return first == UInt8(ascii: "/") && target.position(of: UInt8(ascii: "#")) == nil
    }

    /// A host name, an IPv4 address or an IPv6 address in brackets, with an optional port (RFC 9110 section 4.2). User
    /// information is refused, and so is what no host name holds, although the grammar of URIs would let it pass.
    @inline(__always)
    static func isAuthority(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard let first = bytes.first else { return false }
        var index = 0
        if first == UInt8(ascii: "[") {
            guard let close = bytes.position(of: UInt8(ascii: "]")), close > 2,
                bytes.slice(1..<close).allSatisfy(isAddressCharacter)
            else { return false }
            index = close + 1
        } else {
            while index < bytes.count, isNameCharacter(bytes[index]) { index += 1 }
            guard index > 0 else { return false }
        }
        guard index < bytes.count else { return true }
        let port = bytes.slice(index + 1..<bytes.count)
        return bytes[index] == UInt8(ascii: ":") && (port.isEmpty || port.decimal.map { $0 <= 65_535 } ?? false)
    }

    private static func isSame(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        left.count == right.count && zip(left, right).allSatisfy { asciiLowercase($0) == asciiLowercase($1) }
    }

    @inline(__always)
    private static func isNameCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"): true
        default: false
        }
    }

    private static func isAddressCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x46, 0x61...0x66, UInt8(ascii: ":"), UInt8(ascii: "."): true
        default: false
        }
    }
}
