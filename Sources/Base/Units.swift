// SPDX-License-Identifier: Apache-2.0

/// Parses a byte count: `4096`, `64KiB`, `512MiB`, `2GiB`, `1TiB` (powers of 1024). Nil for anything else
/// and for values beyond 2^62.
public func parseByteCount(_ text: String) -> Int? {
    let suffixes: [(String, Int)] = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)]
    for (suffix, shift) in suffixes where text.hasSuffix(suffix) {
        let digits = text.dropLast(3).filter { $0 != " " }
        guard let value = Int(digits), value >= 0, value < 1 << (62 - shift) else { return nil }
        return value << shift
    }
    guard let value = Int(text), value >= 0 else { return nil }
    return value
}

/// The shortest exact text of a byte count: `64KiB`, `2GiB`, `1000`.
public func formatByteCount(_ bytes: Int) -> String {
    for (suffix, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)]
    where bytes >= 1 << shift && bytes & ((1 << shift) - 1) == 0 {
        return "\(bytes >> shift)\(suffix)"
    }
    return "\(bytes)"
}

/// A numeric address and a port.
public struct Endpoint: Sendable, Hashable, CustomStringConvertible {
    /// A numeric IPv4 or IPv6 address, without brackets.
    public var address: String
    public var port: UInt16

    public init(address: String, port: UInt16) {
        self.address = address
        self.port = port
    }

    /// Parses `127.0.0.1:8443` or `[::1]:8443`. Host names are not resolved here and give nil.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
            guard host.contains(":") else { return nil }
            guard host.allSatisfy({ $0.isHexDigit || $0 == ":" || $0 == "." }) else { return nil }
        } else {
            let parts = host.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
        }
        self.address = String(host)
        self.port = port
    }

    public var description: String {
        address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }
}
