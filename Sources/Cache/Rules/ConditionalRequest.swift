// SPDX-License-Identifier: Apache-2.0

/// The fields by which upstream is asked whether stored responses are still good (RFC 9111 section 4.3.1).
public enum ConditionalRequest {
    /// Further tags are not sent: any of them only saves a body.
    public static let tagsMax = 16
    public static let tagBytesMax = 2048

    /// - Parameters:
    ///   - selected: of the stored response that matches the request; nil when none of the variants does.
    ///   - others: of the other variants of the key. Upstream may name one of them in its 304 (`ValidationMatch`).
    public static func fields(selected: StoredValidators?, others: [StoredValidators] = []) -> [FieldLine] {
        var fields: [FieldLine] = []
        let tags = tags(([selected].compactMap { $0 } + others).map(\.etag))
        if !tags.isEmpty { fields.append((Array("if-none-match".utf8), tags)) }
        // A date can not tell variants apart.
        if let selected, !selected.lastModified.isEmpty {
            fields.append((Array("if-modified-since".utf8), selected.lastModified))
        }
        return fields
    }

    /// `If-Range` for the missing slices of a stored response (RFC 9110 section 13.1.5); nil when it has no strong
    /// validator, and so can not be completed.
    public static func ifRange(_ stored: StoredValidators) -> FieldLine? {
        let name = Array("if-range".utf8)
        if let tag = stored.tag { return tag.isWeak ? nil : (name, stored.etag) }
        guard stored.etag.isEmpty, stored.isLastModifiedStrong else { return nil }
        return (name, stored.lastModified)
    }

    private static func tags(_ values: [[UInt8]]) -> [UInt8] {
        var list: [[UInt8]] = []
        var bytes = 0
        for value in values where !value.isEmpty && !list.contains(value) {
            bytes += value.count + 2
            // The first is that of the response the client is waiting for.
            guard list.isEmpty || list.count < tagsMax && bytes <= tagBytesMax else { break }
            list.append(value)
        }
        return Array(list.joined(separator: Array(", ".utf8)))
    }
}
