// SPDX-License-Identifier: Apache-2.0

/// The head of a response from an upstream server, copied out of the connection's memory.
public struct UpstreamResponse: Sendable {
    public static let headBytesMax = 32_768
    public static let fieldsMax = 96

    public var status: Int
    /// Names in lower case, values trimmed, in the order of arrival. Framing and hop-by-hop fields are left out.
    public var fields: [(name: [UInt8], value: [UInt8])]
    /// The length of the body when the head tells it.
    public var contentLength: Int?
    var isChunked: Bool
    var keepsAlive: Bool

    /// The first value of a field given by its lower-case name.
    public func first(_ name: StaticString) -> [UInt8]? {
        fields.first { field in field.name.withUnsafeBytes { $0.equals(name) } }?.value
    }

    /// The values of all lines of a field as one list (RFC 9110 section 5.3); nil when there is none.
    public func all(_ name: StaticString) -> [UInt8]? {
        let values = fields.filter { field in field.name.withUnsafeBytes { $0.equals(name) } }.map(\.value)
        return values.isEmpty ? nil : Array(values.joined(separator: Array(", ".utf8)))
    }

    /// Reads one complete response head (RFC 9112 sections 4 and 6). Nil when it is malformed: lengths that conflict, both
    /// framings at once, a coding other than chunked or in HTTP/1.0, folded lines, bare line feeds.
    static func parse(_ bytes: UnsafeRawBufferPointer) -> UpstreamResponse? {
        var lines = HeadLines(bytes)
        guard let line = lines.nextLine(), let (status, isHTTP11) = readStatusLine(line) else { return nil }
        var response = UpstreamResponse(status: status, fields: [], isChunked: false, keepsAlive: isHTTP11)
        var connection: [UnsafeRawBufferPointer] = []
        while true {
            switch lines.nextField(trimsNames: true) {
            case .field(let name, let value):
                if name.equalsIgnoringCase("connection") { connection.append(value) }
                guard response.fields.count + connection.count < fieldsMax, response.take(name, value) else {
                    return nil
                }
            case .end:
                guard !response.isChunked || (response.contentLength == nil && isHTTP11) else { return nil }
                response.apply(connection, isHTTP11: isHTTP11)
                return response
            case .malformed: return nil
            }
        }
    }

    /// What `Connection` says: whether it stays, and which other fields are meant for us alone (RFC 9110 section 7.6.1).
    private mutating func apply(_ connection: [UnsafeRawBufferPointer], isHTTP11: Bool) {
        guard !connection.isEmpty else { return }
        if connection.contains(where: { $0.listHolds("close") }) {
            keepsAlive = false
        } else if !isHTTP11 {
            keepsAlive = connection.contains { $0.listHolds("keep-alive") }
        }
        fields.removeAll { field in connection.contains { Self.nominates($0, field.name) } }
    }

    private static func nominates(_ list: UnsafeRawBufferPointer, _ name: [UInt8]) -> Bool {
        list.split(separator: UInt8(ascii: ",")).contains { member in
            UnsafeRawBufferPointer(rebasing: member).trimmed().lazy.map(asciiLowercase).elementsEqual(name)
        }
    }

    private static func readStatusLine(_ line: UnsafeRawBufferPointer) -> (status: Int, isHTTP11: Bool)? {
        guard line.count >= 12, line[8] == 0x20, line.count == 12 || line[12] == 0x20,
            let status = line.slice(9..<12).decimal, (100...599).contains(status)
        else { return nil }
        if line.hasPrefix("HTTP/1.1") { return (status, true) }
        return line.hasPrefix("HTTP/1.0") ? (status, false) : nil
    }

    /// False when the field makes the response malformed.
    private mutating func take(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) -> Bool {
        if name.equalsIgnoringCase("content-length") {
            guard let length = value.decimal, contentLength == nil || contentLength == length else { return false }
            contentLength = length
        } else if name.equalsIgnoringCase("transfer-encoding") {
            guard !isChunked, value.equalsIgnoringCase("chunked") else { return false }
            isChunked = true
        } else if !Self.isHopByHop(name) {
            fields.append((name.map(asciiLowercase), Array(value)))
        }
        return true
    }

    /// Fields of the connection, not of the message (RFC 9110 section 7.6.1), whether nominated or not.
    private static func isHopByHop(_ name: UnsafeRawBufferPointer) -> Bool {
        name.equalsIgnoringCase("connection") || name.equalsIgnoringCase("keep-alive")
            || name.equalsIgnoringCase("proxy-connection")
            || name.equalsIgnoringCase("te") || name.equalsIgnoringCase("trailer")
            || name.equalsIgnoringCase("upgrade") || name.equalsIgnoringCase("proxy-authenticate")
            || name.equalsIgnoringCase("proxy-authentication-info")
    }
}
