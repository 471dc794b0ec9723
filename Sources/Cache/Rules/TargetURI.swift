// SPDX-License-Identifier: Apache-2.0

/// The target of a request (RFC 9110 section 7.1), to which references in its response are relative.
public struct TargetURI: Sendable, Equatable {
    /// Longer references are left aside.
    public static let referenceBytesMax = 8192

    /// In lower case.
    public let scheme: [UInt8]
    /// Host and port in lower case, without the scheme's own port.
    public let authority: [UInt8]
    /// Path and query, beginning with a slash.
    public let pathAndQuery: [UInt8]

    public init(scheme: [UInt8], authority: [UInt8], pathAndQuery: [UInt8]) {
        self.scheme = scheme.lowercase
        self.authority = Self.normalized(authority, scheme: self.scheme)
        self.pathAndQuery = pathAndQuery.first == UInt8(ascii: "/") ? pathAndQuery : [UInt8(ascii: "/")] + pathAndQuery
    }

    public func isSameOrigin(_ other: TargetURI) -> Bool {
        scheme == other.scheme && authority == other.authority
    }

    /// True when the reference, relative to this target, is this target: what makes a response to POST one to GET.
    public func isSame(_ reference: [UInt8]) -> Bool {
        resolve(reference) == self
    }

    /// The target of a reference (RFC 3986 section 5.2) without its fragment; nil when it is too long or of another kind
    /// of scheme.
    public func resolve(_ reference: [UInt8]) -> TargetURI? {
        guard reference.count <= Self.referenceBytesMax, reference.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            return nil
        }
        var rest = reference.prefix { $0 != UInt8(ascii: "#") }
        var scheme = scheme
        if let colon = rest.firstIndex(of: UInt8(ascii: ":")), isScheme(rest[..<colon]) {
            scheme = rest[..<colon].lowercase
            rest = rest[(colon + 1)...]
            guard scheme.isEqual("http") || scheme.isEqual("https"), rest.starts(with: "//".utf8) else { return nil }
        }
        if rest.starts(with: "//".utf8) {
            let authority = rest.dropFirst(2).prefix { $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "?") }
            guard Self.isAuthority(authority) else { return nil }
            let path = Self.withoutDots(rest[authority.endIndex...])
            return TargetURI(scheme: scheme, authority: Array(authority), pathAndQuery: path)
        }
        return TargetURI(scheme: scheme, authority: authority, pathAndQuery: merged(rest))
    }

    /// RFC 3986 section 5.2.3.
    private func merged(_ reference: ArraySlice<UInt8>) -> [UInt8] {
        let path = pathAndQuery.prefix { $0 != UInt8(ascii: "?") }
        switch reference.first {
        case nil: return pathAndQuery
        case UInt8(ascii: "?"): return Array(path + reference)
        case UInt8(ascii: "/"): return Self.withoutDots(reference)
        default:
            let folder = path.lastIndex(of: UInt8(ascii: "/")).map { path[...$0] } ?? path
            return Self.withoutDots(folder + reference)
        }
    }

    /// RFC 3986 section 5.2.4 for the path, with the query left alone.
    private static func withoutDots(_ pathAndQuery: ArraySlice<UInt8>) -> [UInt8] {
        let path = pathAndQuery.prefix { $0 != UInt8(ascii: "?") }
        let segments = path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        var kept: [ArraySlice<UInt8>] = []
        for (index, segment) in segments.enumerated().dropFirst() {
            let isLast = index == segments.count - 1
            if segment.isEqual(".") || segment.isEqual("..") {
                if segment.count == 2 { _ = kept.popLast() }
                if isLast { kept.append([]) }
            } else {
                kept.append(segment)
            }
        }
        return kept.flatMap { [UInt8(ascii: "/")] + $0 } + pathAndQuery[path.endIndex...]
    }

    private func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
        guard let first = bytes.first, (0x61...0x7A).contains(first | 0x20) else { return false }
        return bytes.allSatisfy { isDigit($0) || (0x61...0x7A).contains($0 | 0x20) || "+-.".utf8.contains($0) }
    }

    /// A host, an address in brackets among them, with an optional port. Nobody's name stands in front of it.
    private static func isAuthority(_ bytes: ArraySlice<UInt8>) -> Bool {
        let isBracketed = bytes.first == UInt8(ascii: "[")
        let close = isBracketed ? bytes.firstIndex(of: UInt8(ascii: "]")).map { $0 + 1 } : bytes.startIndex
        guard let close, !bytes.contains(UInt8(ascii: "@")) else { return false }
        let rest = bytes[close...]
        let colon = rest.firstIndex(of: UInt8(ascii: ":")) ?? rest.endIndex
        return (isBracketed ? colon == close : colon > close) && rest[colon...].dropFirst().allSatisfy(isDigit)
    }

    private static func normalized(_ authority: [UInt8], scheme: [UInt8]) -> [UInt8] {
        let host = authority.lowercase
        let port = scheme.isEqual("https") ? ":443" : ":80"
        if host.reversed().starts(with: port.utf8.reversed()) { return Array(host.dropLast(port.utf8.count)) }
        return host.last == UInt8(ascii: ":") ? host.dropLast() : host
    }
}
