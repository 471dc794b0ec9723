// SPDX-License-Identifier: Apache-2.0

/// The static table of HPACK (RFC 7541 appendix A), each field judged beforehand.
///
/// `@unchecked Sendable` because nothing is written after `init`, and it is never freed.
final class StaticTable: @unchecked Sendable {
    static let shared = StaticTable()

    /// The fields by their index less one.
    static let fields: [(name: String, value: String)] = [
        (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
        (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
        (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
        ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
        ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
        ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
        ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""),
        ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""),
        ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""),
        ("last-modified", ""), ("link", ""), ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""),
        ("proxy-authorization", ""), ("range", ""), ("referer", ""), ("refresh", ""), ("retry-after", ""),
        ("server", ""), ("set-cookie", ""), ("strict-transport-security", ""), ("transfer-encoding", ""),
        ("user-agent", ""), ("vary", ""), ("via", ""), ("www-authenticate", ""),
    ]

    static let count = 61

    /// `count` fields, by their index less one.
    let entries: UnsafePointer<HeaderField>

    private init() {
        precondition(Self.fields.count == Self.count)
        let entries = UnsafeMutablePointer<HeaderField>.allocate(capacity: Self.count)
        for (place, field) in Self.fields.enumerated() {
            let name = Self.keep(field.name)
            let value = Self.keep(field.value)
            let kind = FieldKind(name)
            (entries + place).initialize(
                to: HeaderField(
                    name: name, value: value, kind: kind, isAllowed: kind.allows(value), isValueStable: true))
        }
        self.entries = UnsafePointer(entries)
    }

    private static func keep(_ text: String) -> UnsafeRawBufferPointer {
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: text.utf8.count, alignment: 1)
        bytes.copyBytes(from: text.utf8)
        return UnsafeRawBufferPointer(bytes)
    }
}
