// SPDX-License-Identifier: Apache-2.0

/// The directives of a response that a shared cache obeys (RFC 9111 section 5.2.2, RFC 5861). Numbers are seconds, from
/// 0 to 2^31. Comes from `Cache-Control`, or from a targeted field in its place (see `TargetedCacheControl`).
///
/// Of a directive that stands there several times the first counts; of directives that contradict each other, all do,
/// which makes the strictest win (RFC 9111 section 4.2.1). A number that is none is 0: a response with invalid freshness
/// is stale (same section).
public struct CacheControl: Sendable, Equatable {
    public var noStore = false
    /// `no-cache` for the whole response.
    public var noCache = false
    /// `private` for the whole response.
    public var isPrivate = false
    public var isPublic = false
    public var mustRevalidate = false
    public var proxyRevalidate = false
    public var mustUnderstand = false
    public var noTransform = false
    public var immutable = false
    public var maxAge: Int64?
    public var sharedMaxAge: Int64?
    public var staleWhileRevalidate: Int64?
    public var staleIfError: Int64?
    /// The field names of `no-cache="..."` and `private="..."`, in lower case: not to be sent from the cache.
    public var fieldsNotReused: [[UInt8]] = []

    /// More names than these make the directive count for the whole response.
    public static let fieldsNotReusedMax = 32

    public init() {}

    /// Reads the values of all lines of `Cache-Control`. Unknown directives are ignored.
    public init(_ lines: [[UInt8]]) {
        for directive in DirectiveList.parse(lines) { apply(directive) }
    }

    private mutating func apply(_ directive: Directive) {
        let argument = directive.argument
        switch String(decoding: directive.name, as: UTF8.self) {
        case "no-store": noStore = true
        case "no-cache": restrict(\.noCache, argument)
        case "private": restrict(\.isPrivate, argument)
        case "public": isPublic = true
        case "must-revalidate": mustRevalidate = true
        case "proxy-revalidate": proxyRevalidate = true
        case "must-understand": mustUnderstand = true
        case "no-transform": noTransform = true
        case "immutable": immutable = true
        case "max-age": setFirst(\.maxAge, argument.seconds)
        case "s-maxage": setFirst(\.sharedMaxAge, argument.seconds)
        case "stale-while-revalidate": setFirst(\.staleWhileRevalidate, argument.seconds)
        case "stale-if-error": setFirst(\.staleIfError, argument.seconds)
        default: break
        }
    }

    mutating func setFirst(_ path: WritableKeyPath<CacheControl, Int64?>, _ seconds: Int64?) {
        if self[keyPath: path] == nil { self[keyPath: path] = seconds ?? 0 }
    }

    private mutating func restrict(_ path: WritableKeyPath<CacheControl, Bool>, _ argument: Directive.Argument) {
        guard case .value(let list) = argument else {
            self[keyPath: path] = true
            return
        }
        restrict(path, toFieldsIn: list)
    }

    /// Restricts the fields that a list names; the whole response where the list can not be read.
    mutating func restrict(_ path: WritableKeyPath<CacheControl, Bool>, toFieldsIn list: [UInt8]) {
        let names = list.split(separator: UInt8(ascii: ",")).map { $0.trimmed.lowercase }.filter { !$0.isEmpty }
        guard !names.isEmpty, names.allSatisfy(\.isToken),
            fieldsNotReused.count + names.count <= Self.fieldsNotReusedMax
        else {
            self[keyPath: path] = true
            return
        }
        for name in names where !fieldsNotReused.contains(name) { fieldsNotReused.append(name) }
    }
}
