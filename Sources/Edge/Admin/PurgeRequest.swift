// SPDX-License-Identifier: Apache-2.0

import Cache

/// What a purge asks for, as the query of `POST /purge` says it: any number of `url=/path`, `prefix=/path/` and
/// `surrogate-key=v/1`, or `all=1`, for the whole node or for one `site=`, which any of its hosts names; `soft=1` makes stale
/// what would be gone.
/// Values are percent-encoded (RFC 3986 section 2.1); `+` is a plus.
struct PurgeRequest: Equatable {
    static let itemsMax = 1000
    /// So much of what was asked is written to the log.
    private static let summaryBytesMax = 400

    /// What is wrong with the query, as a sentence.
    struct Refusal: Error, Equatable {
        var reason: String
    }

    private(set) var rules: [PurgeRule] = []
    /// The items as they were asked, for the log.
    private(set) var summary = ""

    /// Throws a `Refusal`.
    init(query: some Sequence<UInt8>, scopes: PurgeScopes = PurgeScopes()) throws(Refusal) {
        var items: [(kind: PurgeKind, value: [UInt8])] = []
        var isSoft = false
        var site: [UInt8] = []
        for parameter in Array(query).split(separator: UInt8(ascii: "&")) {
            let (name, value) = try Self.split(parameter)
            switch name {
            case PurgeKind.url.name: items.append((.url, value))
            case PurgeKind.prefix.name: items.append((.prefix, value))
            case PurgeKind.surrogateKey.name: items.append((.surrogateKey, value))
            case PurgeKind.everything.name:
                if try Self.isTrue(name, value) { items.append((.everything, [])) }
            case "soft": isSoft = try Self.isTrue(name, value)
            case "site":
                guard !value.isEmpty, value.count <= 300, value.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
                    throw Refusal(reason: "`site` is not a host")
                }
                let host = value.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }
                guard let scope = scopes.scope(of: host) else {
                    throw Refusal(reason: "`site` is a wildcard whose hosts are kept apart; name one of them")
                }
                site = scope
            default:
                throw Refusal(
                    reason: "`\(name)` is not a parameter; there are url, prefix, surrogate-key, all, site and soft")
            }
            guard items.count <= Self.itemsMax else {
                throw Refusal(reason: "there are more than \(Self.itemsMax) items")
            }
        }
        guard !items.isEmpty else {
            throw Refusal(reason: "nothing is named: url, prefix, surrogate-key or all=1 is needed")
        }
        for (kind, value) in items {
            guard let rule = PurgeRule(kind, value, site: site, isSoft: isSoft) else {
                let problem = PurgeRule.problem(kind, value) ?? "is wrong"
                let text = String(decoding: value.prefix(100), as: UTF8.self)
                throw Refusal(reason: "`\(kind.name)` \(problem): `\(text)`")
            }
            rules.append(rule)
            note(kind, value)
        }
    }

    private mutating func note(_ kind: PurgeKind, _ value: [UInt8]) {
        guard summary.utf8.count < Self.summaryBytesMax else { return }
        if !summary.isEmpty { summary += " " }
        summary += kind == .everything ? kind.name : "\(kind.name)=\(String(decoding: value, as: UTF8.self))"
        if summary.utf8.count >= Self.summaryBytesMax { summary = summary.prefix(Self.summaryBytesMax) + "..." }
    }

    private static func split(_ parameter: ArraySlice<UInt8>) throws(Refusal) -> (name: String, value: [UInt8]) {
        let equals = parameter.firstIndex(of: UInt8(ascii: "=")) ?? parameter.endIndex
        let name = String(decoding: parameter[..<equals].prefix(100), as: UTF8.self)
        guard let value = percentDecoded(parameter[equals...].dropFirst()) else {
            throw Refusal(reason: "`\(name)` holds a `%` without two hexadecimal digits")
        }
        return (name, value)
    }

    private static func isTrue(_ name: String, _ value: [UInt8]) throws(Refusal) -> Bool {
        switch String(decoding: value, as: UTF8.self) {
        case "1", "true": return true
        case "0", "false": return false
        default: throw Refusal(reason: "`\(name)` is neither 1 nor 0")
        }
    }

    private static func percentDecoded(_ text: ArraySlice<UInt8>) -> [UInt8]? {
        func digit(_ byte: UInt8) -> UInt8? {
            switch byte {
            case 0x30...0x39: byte - 0x30
            case 0x41...0x46: byte - 0x41 + 10
            case 0x61...0x66: byte - 0x61 + 10
            default: nil
            }
        }
        var decoded: [UInt8] = []
        var rest = text
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                decoded.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                return nil
            }
            decoded.append(high << 4 | low)
        }
        return decoded
    }
}

/// A value as it stands in a query: everything but unreserved characters and `/` is encoded (RFC 3986 section 2.3).
func percentEncoded(_ text: String) -> String {
    var encoded = ""
    let digits = Array("0123456789ABCDEF")
    for byte in text.utf8 {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: encoded.unicodeScalars.append(Unicode.Scalar(byte))
        case let byte where "-._~/".utf8.contains(byte): encoded.unicodeScalars.append(Unicode.Scalar(byte))
        default: encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }
    }
    return encoded
}
