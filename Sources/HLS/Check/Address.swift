// SPDX-License-Identifier: Apache-2.0

/// Addresses of a presentation: URLs, or paths that begin with `/` inside a folder that is the root.
enum Address {
    private struct Parts {
        var scheme: Substring?
        var authority: Substring?
        var path: Substring
        var query: Substring?

        /// RFC 3986 appendix B, without the fragment.
        init(_ text: String) {
            var rest = text.prefix { $0 != "#" }
            if let colon = rest.firstIndex(of: ":"), colon > rest.startIndex,
                rest[..<colon].utf8.allSatisfy(Self.isSchemeByte)
            {
                scheme = rest[..<colon]
                rest = rest[rest.index(after: colon)...]
            }
            if rest.hasPrefix("//") {
                rest = rest.dropFirst(2)
                let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
                authority = rest[..<end]
                rest = rest[end...]
            }
            let mark = rest.firstIndex(of: "?") ?? rest.endIndex
            path = rest[..<mark]
            query = mark < rest.endIndex ? rest[rest.index(after: mark)...] : nil
        }

        private static func isSchemeByte(_ byte: UInt8) -> Bool {
            (0x61...0x7A).contains(byte | 0x20) || (0x30...0x39).contains(byte) || [0x2B, 0x2D, 0x2E].contains(byte)
        }

        var text: String {
            (scheme.map { $0 + ":" } ?? "") + (authority.map { "//" + $0 } ?? "") + path
                + (query.map { "?" + $0 } ?? "")
        }
    }

    /// RFC 3986 section 5.2.2.
    static func resolve(_ reference: String, against base: String) -> String {
        var target = Parts(reference)
        let base = Parts(base)
        if target.scheme != nil { return target.text }
        target.scheme = base.scheme
        if target.authority != nil { return target.text }
        target.authority = base.authority
        if target.path.isEmpty {
            target.path = base.path
            target.query = target.query ?? base.query
        } else if target.path.hasPrefix("/") {
            target.path = withoutDots(target.path)
        } else {
            let folder = base.path.lastIndex(of: "/").map { base.path[...$0] } ?? "/"
            target.path = withoutDots(folder + target.path)
        }
        return target.text
    }

    /// Section 5.2.4: `.` and `..` are worked off; nothing is above the root.
    private static func withoutDots(_ path: Substring) -> Substring {
        var kept: [Substring] = []
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            switch part {
            case ".": if isLast { kept.append("") }
            case "..":
                if kept.count > 1 { kept.removeLast() }
                if isLast { kept.append("") }
            default: kept.append(part)
            }
        }
        return Substring(kept.joined(separator: "/"))
    }

    /// How an address is shown: from the folder of the root on, without the query, which may hold a token.
    static func place(_ address: String, root: String) -> String {
        var parts = Parts(address)
        parts.query = nil
        let whole = parts.text
        let folder = Parts(root).text.prefix { $0 != "?" }
        if let slash = folder.lastIndex(of: "/"), whole.hasPrefix(folder[...slash]) {
            return FindingList.shown(whole.dropFirst(folder[...slash].count))
        }
        return FindingList.shown(whole)
    }

    /// The last component of the path ends with `.name`.
    static func hasExtension(_ address: String, _ names: [String]) -> Bool {
        let path = Parts(address).path.lowercased()
        return names.contains { path.hasSuffix("." + $0) }
    }
}
