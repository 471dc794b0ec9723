// SPDX-License-Identifier: Apache-2.0

/// `CDN-Cache-Control`, which takes the place of `Cache-Control` and `Expires` for caches like this one (RFC 9213).
///
/// A Structured Field, a dictionary, and stricter than `Cache-Control`: keys are in lower case, and one syntax error makes
/// the whole field absent.
enum TargetedCacheControl {
    /// The field that is meant for content delivery networks (RFC 9213 section 3.1).
    static let cdnFieldName: StaticString = "cdn-cache-control"

    /// More than these make the field absent.
    static let membersMax = 64

    /// The directives of the values of all its lines; nil when the field is absent, empty or malformed.
    static func parse(_ lines: [[UInt8]]) -> CacheControl? {
        guard let members = dictionary(Array(lines.joined(separator: Array(", ".utf8)))), !members.isEmpty else {
            return nil
        }
        var control = CacheControl()
        for member in members { apply(member.value, of: member.key, to: &control) }
        return control
    }

    /// RFC 9651 section 4.2.2: the last of several members with one key counts, at the place of the first.
    static func dictionary(_ bytes: [UInt8]) -> [(key: [UInt8], value: StructuredItem)]? {
        var members: [(key: [UInt8], value: StructuredItem)] = []
        var cursor = StructuredCursor(bytes)
        cursor.skipSpaces()
        while !cursor.isAtEnd {
            guard let key = cursor.key(), let value = value(&cursor) else { return nil }
            if let index = members.firstIndex(where: { $0.key == key }) {
                members[index].value = value
            } else {
                guard members.count < membersMax else { return nil }
                members.append((key, value))
            }
            cursor.skipBlanks()
            if cursor.isAtEnd { break }
            guard cursor.skip(UInt8(ascii: ",")) else { return nil }
            cursor.skipBlanks()
            if cursor.isAtEnd { return nil }
        }
        return members
    }

    private static func value(_ cursor: inout StructuredCursor) -> StructuredItem? {
        if cursor.skip(UInt8(ascii: "=")) { return cursor.member() }
        return cursor.parameters() ? .boolean(true) : nil
    }

    /// A value of the wrong type is never taken for another (section 2.1): it makes freshness stale, and a directive that
    /// restricts restricts. Only an explicit false takes such a directive away.
    private static func apply(_ value: StructuredItem, of key: [UInt8], to control: inout CacheControl) {
        let isSet = value != .boolean(false)
        switch String(decoding: key, as: UTF8.self) {
        case "no-store": control.noStore = isSet
        case "no-cache" where isSet: restrict(\.noCache, value, &control)
        case "private" where isSet: restrict(\.isPrivate, value, &control)
        case "public": control.isPublic = value == .boolean(true)
        case "must-revalidate": control.mustRevalidate = isSet
        case "proxy-revalidate": control.proxyRevalidate = isSet
        case "must-understand": control.mustUnderstand = value == .boolean(true)
        case "no-transform": control.noTransform = isSet
        case "immutable": control.immutable = value == .boolean(true)
        case "max-age": control.maxAge = seconds(value)
        case "s-maxage": control.sharedMaxAge = seconds(value)
        case "stale-while-revalidate": control.staleWhileRevalidate = seconds(value)
        case "stale-if-error": control.staleIfError = seconds(value)
        default: break
        }
    }

    private static func seconds(_ value: StructuredItem) -> Int64 {
        guard case .integer(let seconds) = value else { return 0 }
        return DeltaSeconds.clamped(seconds)
    }

    private static func restrict(
        _ path: WritableKeyPath<CacheControl, Bool>, _ value: StructuredItem, _ control: inout CacheControl
    ) {
        guard case .string(let list) = value else {
            control[keyPath: path] = true
            return
        }
        control.restrict(path, toFieldsIn: list)
    }
}
