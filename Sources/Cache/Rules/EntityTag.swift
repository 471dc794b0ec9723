// SPDX-License-Identifier: Apache-2.0

/// An entity tag (RFC 9110 section 8.8.3).
struct EntityTag: Equatable {
    let isWeak: Bool
    /// With its quotes.
    let opaque: [UInt8]

    /// Nil when the value is no tag.
    init?(_ value: [UInt8]) {
        isWeak = value.starts(with: "W/".utf8)
        opaque = Array(isWeak ? value[2...] : value[...])
        guard opaque.count >= 2, opaque.first == UInt8(ascii: "\""), opaque.last == UInt8(ascii: "\""),
            opaque[1..<opaque.count - 1].allSatisfy({ $0 == 0x21 || (0x23...0x7E).contains($0) || $0 >= 0x80 })
        else { return nil }
    }

    /// RFC 9110 section 8.8.3.2.
    func isStronglyEqual(_ other: EntityTag) -> Bool { !isWeak && self == other }

    func isWeaklyEqual(_ other: EntityTag) -> Bool { opaque == other.opaque }
}
