// SPDX-License-Identifier: Apache-2.0

/// A `Content-Range` in bytes (RFC 9110 section 14.4).
public struct ContentRange: Sendable, Equatable {
    /// The bytes that follow; nil in the form `bytes */total` of a 416.
    public let range: Range<Int>?
    /// The length of the whole representation; nil for `*`.
    public let total: Int?

    /// Nil for another unit and for anything malformed: a range that ends before it begins, or behind the total.
    public init?(_ value: [UInt8]) {
        guard value.count > 6, value[..<6].lowercase.isEqual("bytes "),
            let slash = value.firstIndex(of: UInt8(ascii: "/"))
        else { return nil }
        let range = value[6..<slash]
        let length = value[(slash + 1)...]
        let isTotalUnknown = length.isEqual("*")
        total = isTotalUnknown ? nil : ByteNumber.parse(length)
        guard isTotalUnknown || total != nil else { return nil }
        guard !range.isEqual("*") else {
            self.range = nil
            if isTotalUnknown { return nil }
            return
        }
        guard let dash = range.firstIndex(of: UInt8(ascii: "-")), let first = ByteNumber.parse(range[..<dash]),
            let last = ByteNumber.parse(range[(dash + 1)...]), first <= last, total.map({ last < $0 }) ?? true
        else { return nil }
        self.range = first..<last + 1
    }
}
