// SPDX-License-Identifier: Apache-2.0

/// Paths whose meaning nobody can mistake.
enum PlainPath {
    /// A longer reference is left aside.
    static let referenceBytesMax = 4096

    /// Absolute, without dot segments, encoded or not, and without encoded slashes. Otherwise a token for one video might
    /// open another at the origin.
    @inline(__always)
    static func isPlain(_ path: UnsafeRawBufferPointer) -> Bool {
        guard path.count >= 1, path[0] == UInt8(ascii: "/") else { return false }
        var previous: UInt8 = 0
        for byte in path {
            // Names of ours start with a letter or digit, so a dot after a slash is a dot segment or a hidden file.
            if previous == UInt8(ascii: "/"), byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/") { return false }
            if byte == UInt8(ascii: "%") || byte == UInt8(ascii: "\\") || byte <= 0x20 || byte >= 0x7F { return false }
            previous = byte
        }
        return true
    }

    /// How much of a path is its folder, the last slash included.
    @inline(__always)
    static func folderCount(_ path: UnsafeRawBufferPointer) -> Int {
        var count = path.count
        while count > 0, path[count - 1] != UInt8(ascii: "/") { count -= 1 }
        return count
    }

    /// The path of a reference from `base`: a relative path or an absolute one, nothing else (RFC 3986 section 4.2). Nil for
    /// what has a scheme, a host, a query, a fragment or dot segments, for a folder, and for `base` itself.
    static func resolve(_ reference: [UInt8], from base: [UInt8]) -> [UInt8]? {
        guard !reference.isEmpty, reference.count <= referenceBytesMax,
            !reference.contains(where: { [UInt8(ascii: ":"), UInt8(ascii: "?"), UInt8(ascii: "#")].contains($0) })
        else { return nil }
        let folder = base.prefix(base.withUnsafeBytes { folderCount($0) })
        let path = reference[0] == UInt8(ascii: "/") ? reference : Array(folder + reference)
        guard path.withUnsafeBytes({ isPlain($0) }), path.last != UInt8(ascii: "/"), path != base else { return nil }
        return path
    }

    /// Both lie in the same folder: whoever may have one by a token for the folder may have the other.
    static func areSiblings(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        let folder = one.prefix(one.withUnsafeBytes { folderCount($0) })
        return other.starts(with: folder) && other.withUnsafeBytes { folderCount($0) } == folder.count
    }
}
