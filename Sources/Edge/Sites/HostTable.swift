// SPDX-License-Identifier: Apache-2.0

import Net

/// Says which site a host belongs to. Pure: made once of the configuration, then only read.
///
/// As with certificates (`ServerNames`) an exact name goes before a wildcard, and a wildcard stands for one whole label
/// (RFC 9525 section 6.3). Case, the port and a final dot make no difference.
struct HostTable: Sendable {
    private let exact: HostIndex
    /// By what follows the `*.`.
    private let wildcards: HostIndex

    /// The hosts of each site, in lower case; a site is found by its place.
    init(_ sites: [[String]] = []) {
        let names = sites.enumerated().flatMap { site, hosts in
            hosts.map { (name: Array($0.utf8), value: site) }
        }
        let isWildcard: (UInt8?) -> Bool = { $0 == UInt8(ascii: "*") }
        exact = HostIndex(names.filter { !isWildcard($0.name.first) })
        wildcards = HostIndex(
            names.filter { isWildcard($0.name.first) }.map { (name: Array($0.name.dropFirst(2)), value: $0.value) })
    }

    /// The place of the site of a request's authority; nil for a host that none has.
    func site(of authority: UnsafeRawBufferPointer) -> Int? {
        let name = Self.name(in: authority)
        if let site = exact.find(name) { return site }
        guard !wildcards.isEmpty, let dot = name.position(of: UInt8(ascii: ".")), dot > 0 else { return nil }
        return wildcards.find(name.slice(dot + 1..<name.count))
    }

    /// The host without its port and a final dot; an IPv6 address with its brackets.
    private static func name(in authority: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        let isAddress = authority.first == UInt8(ascii: "[")
        let start = isAddress ? authority.position(of: UInt8(ascii: "]")) ?? 0 : 0
        let end = authority.position(of: UInt8(ascii: ":"), from: start) ?? authority.count
        let name = authority.slice(0..<end)
        return name.last == UInt8(ascii: ".") ? name.slice(0..<name.count - 1) : name
    }
}
