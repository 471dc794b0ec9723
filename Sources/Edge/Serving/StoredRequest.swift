// SPDX-License-Identifier: Apache-2.0

import Cache
import Net

/// What of a request is kept while it waits, and what of it may go upstream: a copy, made on a miss only.
struct StoredRequest {
    /// Whose it is.
    let site: Site
    let method: Net.Method
    let methodName: [UInt8]
    /// The host that was asked; empty in HTTP/1.0.
    let authority: [UInt8]
    let isHTTP10: Bool
    /// All regular fields, with names in lower case.
    let fields: [FieldLine]

    init(_ request: borrowing RequestHead, site: Site) {
        self.site = site
        method = request.method
        methodName = Array(request.methodName)
        authority = Array(request.authority)
        isHTTP10 = request.isHTTP10
        var fields: [FieldLine] = []
        request.fields.visit { name, value in fields.append((name.map(asciiLowercase), Array(value))) }
        self.fields = fields
    }

    /// A request of our own for what a client has not asked for yet: without any field.
    init(authority: [UInt8], site: Site) {
        self.site = site
        method = .get
        methodName = Array("GET".utf8)
        self.authority = authority
        isHTTP10 = false
        fields = []
    }

    /// The lines of a field as one list (RFC 9110 section 5.3), `; ` between those of cookies; nil when there is none.
    func all(_ name: StaticString) -> [UInt8]? {
        let lines = fields.filter { line in line.name.withUnsafeBytes { $0.equals(name) } }.map(\.value)
        guard lines.count > 1 else { return lines.first }
        return Array(lines.joined(separator: Array(", ".utf8)))
    }

    func has(_ name: StaticString) -> Bool {
        fields.contains { line in line.name.withUnsafeBytes { $0.equals(name) } }
    }

    /// Calls `body` with the request's conditions.
    func withConditions<Result>(_ body: (Conditions) -> Result) -> Result {
        let names: [StaticString] = [
            "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
            "accept-encoding",
        ]
        var bytes: [UInt8] = []
        let ends = names.map { name in
            bytes.append(contentsOf: all(name) ?? [])
            return bytes.count
        }
        return bytes.withUnsafeBytes { bytes in
            func value(_ index: Int) -> UnsafeRawBufferPointer {
                bytes.slice((index == 0 ? 0 : ends[index - 1])..<ends[index])
            }
            var conditions = Conditions()
            conditions.range = value(0)
            conditions.ifRange = value(1)
            conditions.preconditions = Preconditions(
                ifMatch: value(2), ifNoneMatch: value(3), ifModifiedSince: value(4), ifUnmodifiedSince: value(5))
            conditions.acceptEncoding = value(6)
            return body(conditions)
        }
    }
}
