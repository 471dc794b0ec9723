// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Finds the token in a request: first path component, then query, then cookie. Views into the request.
public struct TokenCarrier {
    /// The name of the query parameter and the cookie, and the start of the path component.
    public static let name: StaticString = "hdnts"

    private static let prefix: StaticString = "/hdnts="
    private static let hmacField: StaticString = "~hmac="

    /// The token, or an empty view.
    public let token: UnsafeRawBufferPointer
    /// The path without the token's component and without the query.
    public let path: UnsafeRawBufferPointer
    /// The query without its `?`; the token's parameter is still in it. Empty for none.
    public let query: UnsafeRawBufferPointer

    public init(target: UnsafeRawBufferPointer, cookie: UnsafeRawBufferPointer) {
        let none = UnsafeRawBufferPointer(start: nil, count: 0)
        var pathEnd = target.count
        var query = none
        if let base = target.baseAddress, let mark = memchr(base, Int32(UInt8(ascii: "?")), target.count) {
            pathEnd = UnsafeRawPointer(mark) - base
            query = UnsafeRawBufferPointer(rebasing: target[(pathEnd + 1)...])
        }
        let whole = UnsafeRawBufferPointer(rebasing: target[..<pathEnd])
        self.query = query
        if let end = Self.endOfPathToken(whole) {
            token = UnsafeRawBufferPointer(rebasing: whole[7..<end])
            path = UnsafeRawBufferPointer(rebasing: whole[end...])
        } else {
            path = whole
            token =
                Self.value(in: query, separator: UInt8(ascii: "&")) ?? Self.value(
                    in: cookie, separator: UInt8(ascii: ";")) ?? none
        }
    }

    /// Where `/hdnts=…~hmac=HEX` ends in a path. The ACL in it holds slashes, so the end is that of the digest.
    private static func endOfPathToken(_ path: UnsafeRawBufferPointer) -> Int? {
        guard path.count > 7 + 70, let base = path.baseAddress, memcmp(base, prefix.utf8Start, 7) == 0 else {
            return nil
        }
        var index = 7
        while index + 70 < path.count, let tilde = memchr(base + index, Int32(UInt8(ascii: "~")), path.count - index) {
            index = UnsafeRawPointer(tilde) - base
            let end = index + 70
            guard end < path.count else { return nil }
            if memcmp(tilde, hmacField.utf8Start, 6) == 0 { return path[end] == UInt8(ascii: "/") ? end : nil }
            index += 1
        }
        return nil
    }

    /// The value of `hdnts=` in a list of `name=value` pairs.
    private static func value(in list: UnsafeRawBufferPointer, separator: UInt8) -> UnsafeRawBufferPointer? {
        var start = 0
        while start < list.count {
            var end = start
            while end < list.count, list[end] != separator { end += 1 }
            var first = start
            while first < end, list[first] == UInt8(ascii: " ") { first += 1 }
            if end - first > 6, list[first..<first + 6].elementsEqual("hdnts=".utf8) {
                return UnsafeRawBufferPointer(rebasing: list[(first + 6)..<end])
            }
            start = end + 1
        }
        return nil
    }
}
