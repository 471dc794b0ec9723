// SPDX-License-Identifier: Apache-2.0

/// The four forms of a request target (RFC 9112 section 3.2), taken apart.
struct RequestTarget {
    /// Of the absolute and the authority form; else empty. Not checked yet.
    var authority = UnsafeRawBufferPointer(start: nil, count: 0)
    /// Path and query, or `*`; empty for CONNECT.
    var path = UnsafeRawBufferPointer(start: nil, count: 0)

    /// Nil when `target` has none of the forms, or holds bytes that no URI has. `memory` takes a path that is not there
    /// in one piece.
    init?(_ target: UnsafeRawBufferPointer, method: Method, memory: inout HeadMemory) {
        guard !target.isEmpty, target.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { return nil }
        guard method != .connect else {
            authority = target
            return
        }
        if target[0] == UInt8(ascii: "/") || target.equals("*") {
            path = target
            return
        }
        guard let start = Self.schemeLength(target) else { return nil }
        var end = start
        while end < target.count, target[end] != UInt8(ascii: "/"), target[end] != UInt8(ascii: "?") { end += 1 }
        guard end > start else { return nil }
        authority = target.slice(start..<end)
        let rest = target.slice(end..<target.count)
        if rest.isEmpty {
            // RFC 9112 section 3.2.4: the absolute form of OPTIONS without a path means the whole server.
            path = Self.literal(method == .options ? "*" : "/")
        } else if rest[0] == UInt8(ascii: "/") {
            path = rest
        } else {
            guard let joined = memory.join(Self.literal("/"), "", rest) else { return nil }
            path = joined
        }
    }

    private static func literal(_ text: StaticString) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
    }

    /// The length of `http://` or `https://`, in any case.
    private static func schemeLength(_ target: UnsafeRawBufferPointer) -> Int? {
        if target.count >= 7, target.slice(0..<7).equalsIgnoringCase("http://") { return 7 }
        if target.count >= 8, target.slice(0..<8).equalsIgnoringCase("https://") { return 8 }
        return nil
    }
}
