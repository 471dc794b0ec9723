// SPDX-License-Identifier: Apache-2.0

/// Says which certificates answer for a host name. Pure: made once of the certificates' names, then only read.
///
/// An exact name goes before a wildcard, and a wildcard stands for one whole label (RFC 9525 section 6.3). Several
/// certificates for one name with keys of different kinds (ECDSA and RSA) form a group, of which the client's signature
/// algorithms choose; of two with the same kind the first one counts.
struct ServerNames: Sendable {
    /// A certificate as far as it matters here.
    struct Entry: Sendable {
        var names: [String]
        var keyKind: Int32
    }

    /// The group of the first certificate, for clients that name no host or an unknown one.
    static let defaultGroup = 0

    /// Groups of certificates, as indices into the entries; no kind of key twice in one.
    private(set) var groups: [[Int]] = []
    private let entryCount: Int
    private var exact: [[UInt8]: Int] = [:]
    /// By what follows the `*.`.
    private var wildcards: [[UInt8]: Int] = [:]

    /// `entries` is not empty.
    init(_ entries: [Entry]) {
        precondition(!entries.isEmpty)
        entryCount = entries.count
        let names = Set(entries.flatMap(\.names))
        // The default: the first certificate, and others for the same names with keys of another kind.
        let first = Set(entries[0].names)
        let twins = entries.indices.filter { $0 == 0 || (!first.isEmpty && Set(entries[$0].names) == first) }
        _ = group(Self.oneOfEachKind(twins, entries))
        for name in names.sorted() {
            var candidates = entries.indices.filter { entries[$0].names.contains(name) }
            if name.hasPrefix("*.") {
                wildcards[Array(name.utf8.dropFirst(2))] = group(Self.oneOfEachKind(candidates, entries))
            } else {
                // A wildcard certificate with a key of another kind serves this name too.
                if let dot = name.firstIndex(of: ".") {
                    let wildcard = "*" + name[dot...]
                    candidates += entries.indices.filter { entries[$0].names.contains(wildcard) }
                }
                exact[Array(name.utf8)] = group(Self.oneOfEachKind(candidates, entries))
            }
        }
    }

    private static func oneOfEachKind(_ candidates: [Int], _ entries: [Entry]) -> [Int] {
        var kinds: Set<Int32> = []
        return candidates.filter { kinds.insert(entries[$0].keyKind).inserted }
    }

    private mutating func group(_ members: [Int]) -> Int {
        let sorted = members.sorted()
        if let known = groups.firstIndex(of: sorted) { return known }
        groups.append(sorted)
        return groups.count - 1
    }

    /// The group for a host name of any case, with or without a final dot; nil when no certificate has it.
    func group(for host: UnsafeBufferPointer<UInt8>) -> Int? {
        var name = host.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
        if name.last == UInt8(ascii: ".") { name.removeLast() }
        if let group = exact[name] { return group }
        guard !wildcards.isEmpty, let dot = name.firstIndex(of: UInt8(ascii: ".")), dot > 0 else { return nil }
        return wildcards[Array(name[(dot + 1)...])]
    }

    /// Certificates that no client is ever given, because earlier ones with the same kind of key have all their names.
    var unused: [Int] {
        let used = Set(groups.joined())
        return (0..<entryCount).filter { !used.contains($0) }
    }
}
