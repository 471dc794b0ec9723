// SPDX-License-Identifier: Apache-2.0

/// One request to an upstream server, checked and complete: it can be sent to any server, and again to another one.
///
/// What belongs to a connection and not to the message is made here and left out of what the caller passes: `Host`, the
/// framing, `Expect`, and the fields of RFC 9110 section 7.6.1 with those that `Connection` names.
public struct UpstreamRequest: Sendable {
    public typealias Field = (name: [UInt8], value: [UInt8])

    public let method: [UInt8]
    /// The path and query as they are sent.
    public let target: [UInt8]
    /// What `Host` says; nil for the host of the server that is asked.
    public let host: [UInt8]?
    public let fields: [Field]
    public let content: [UInt8]
    /// May be sent again although it may have been carried out already (RFC 9110 section 9.2.2).
    public let isIdempotent: Bool

    /// No body follows the response's head, whatever that says (RFC 9110 section 9.3.2).
    public var isHead: Bool { method.elementsEqual("HEAD".utf8) }

    /// Nil when a part could be read as something else upstream: a method or name that is no token, a target that is not a
    /// path (or `*`), control characters in a value, a host that is none. `isIdempotent` is what the method says unless
    /// it is given.
    public init?(
        method: [UInt8], target: [UInt8], host: [UInt8]? = nil, fields: [Field] = [], content: [UInt8] = [],
        isIdempotent: Bool? = nil
    ) {
        guard !method.isEmpty, method.allSatisfy(isTokenCharacter), Self.isTarget(target),
            host?.withUnsafeBytes({ RequestRules.isAuthority($0) }) ?? true,
            fields.allSatisfy({ Self.isField($0) })
        else { return nil }
        self.method = method
        self.target = target
        self.host = host
        self.content = content
        self.isIdempotent = isIdempotent ?? Self.isIdempotent(method)
        let nominated = fields.filter { Self.equals($0.name, "connection") }.map(\.value)
        self.fields = fields.filter { field in
            !Self.isOfConnection(field.name) && !nominated.contains { Self.nominates($0, field.name) }
        }
    }

    private static func isIdempotent(_ method: [UInt8]) -> Bool {
        method.withUnsafeBytes { name in
            switch Method(name) {
            case .get, .head, .options, .trace, .put, .delete: true
            case .post, .patch, .connect, .other: false
            }
        }
    }

    private static func isTarget(_ target: [UInt8]) -> Bool {
        guard let first = target.first else { return false }
        guard first == UInt8(ascii: "/") else { return target.elementsEqual("*".utf8) }
        return target.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
    }

    private static func isField(_ field: Field) -> Bool {
        !field.name.isEmpty && field.name.allSatisfy(isTokenCharacter) && field.value.allSatisfy(isFieldValueCharacter)
    }

    private static func isOfConnection(_ name: [UInt8]) -> Bool {
        name.withUnsafeBytes { name in
            switch name.count {
            case 2: name.equalsIgnoringCase("te")
            case 4: name.equalsIgnoringCase("host")
            case 6: name.equalsIgnoringCase("expect")
            case 7: name.equalsIgnoringCase("upgrade") || name.equalsIgnoringCase("trailer")
            case 10: name.equalsIgnoringCase("connection") || name.equalsIgnoringCase("keep-alive")
            case 14: name.equalsIgnoringCase("content-length")
            case 16: name.equalsIgnoringCase("proxy-connection")
            case 17: name.equalsIgnoringCase("transfer-encoding")
            default: false
            }
        }
    }

    private static func nominates(_ list: [UInt8], _ name: [UInt8]) -> Bool {
        let name = name.lazy.map(asciiLowercase)
        return list.split(separator: UInt8(ascii: ",")).contains { member in
            member.withUnsafeBytes { $0.trimmed().lazy.map(asciiLowercase).elementsEqual(name) }
        }
    }

    private static func equals(_ name: [UInt8], _ lowercase: StaticString) -> Bool {
        name.withUnsafeBytes { $0.equalsIgnoringCase(lowercase) }
    }

    /// Methods whose requests say how much content they have even when it is none (RFC 9110 section 8.6).
    private var announcesContent: Bool {
        method.withUnsafeBytes { name in
            switch Method(name) {
            case .post, .put, .patch: true
            default: false
            }
        }
    }

    /// The bytes of the request for a server with this host (RFC 9112 section 3): `Host` first, then the fields in their
    /// order, then the length of the content.
    public func bytes(serverHost: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        let fieldBytes = fields.reduce(0) { $0 + $1.name.count + $1.value.count + 4 }
        bytes.reserveCapacity(method.count + target.count + fieldBytes + content.count + 256)
        bytes += method
        bytes.append(0x20)
        bytes += target
        bytes += " HTTP/1.1\r\nhost: ".utf8
        bytes += host ?? serverHost
        bytes += "\r\n".utf8
        for field in fields {
            bytes += field.name
            bytes += ": ".utf8
            bytes += field.value
            bytes += "\r\n".utf8
        }
        if !content.isEmpty || announcesContent { bytes += "content-length: \(content.count)\r\n".utf8 }
        bytes += "\r\n".utf8
        bytes += content
        return bytes
    }
}
