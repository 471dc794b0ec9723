// SPDX-License-Identifier: Apache-2.0

import Cache
import Net

/// Which fields of a client's request go upstream, and what is added to them. One per worker and configuration.
///
/// Where clients' fields do not go upstream at all, what comes is the answer to a request without them, and nothing of one
/// client can reach another. Where they do, a shared response is fetched with those of the client that came first, as
/// every HTTP cache does it; `Vary` keeps apart what depends on them.
struct UpstreamFields: Sendable {
    enum Purpose {
        /// For all who ask for the key: without conditions, ranges and codings, which the edge answers itself.
        case shared
        /// For this request alone, with everything that it asks.
        case alone
    }

    private static let shared: Set<[UInt8]> = Set(
        [
            "range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since",
        ].map { Array($0.utf8) })

    /// Never passed on: the edge compresses by itself, and appends to the lists of those on the way.
    private static let own: Set<[UInt8]> = Set(
        ["accept-encoding", "via", "cdn-loop"].map { Array($0.utf8) })

    private let name: String
    private let loop: CDNLoop
    private let passesFields: Bool
    private let passesOrigin: Bool

    init(_ settings: EdgeSettings) {
        name = settings.name
        loop = CDNLoop(node: settings.name)
        passesFields = settings.passesFields
        passesOrigin = settings.crossOrigin.allowOrigins.isEmpty
    }

    /// The names of fields that no response can depend on, because they never go upstream.
    var answered: [[UInt8]] {
        [Array("accept-encoding".utf8)] + (passesOrigin ? [] : [Array("origin".utf8)])
    }

    /// True when responses can not depend on fields of requests at all.
    var answersAll: Bool { !passesFields }

    /// The fields to send for a request; those that belong to a connection are taken out by `UpstreamRequest`.
    func fields(of request: StoredRequest?, for purpose: Purpose) -> [FieldLine] {
        var fields: [FieldLine] = []
        if let request, passesFields || purpose == .alone {
            for field in request.fields where passes(field.name, purpose) {
                if field.name.elementsEqual("cookie".utf8) {
                    if let cookie = withoutToken(field.value) { fields.append((field.name, cookie)) }
                } else {
                    fields.append(field)
                }
            }
        }
        if !fields.contains(where: { $0.name.elementsEqual("accept".utf8) }) {
            fields.append((Array("accept".utf8), Array("*/*".utf8)))
        }
        fields.append((Array("via".utf8), via(request)))
        if case .passes(let list) = loop.verdict(lines("cdn-loop", of: request)) {
            fields.append((Array("cdn-loop".utf8), list))
        }
        return fields
    }

    /// The request has been here before (RFC 8586): it must neither go upstream nor wait for one that does.
    func isLooping(_ request: StoredRequest) -> Bool {
        loop.verdict(lines("cdn-loop", of: request)) == .loops
    }

    private func lines(_ name: StaticString, of request: StoredRequest?) -> [[UInt8]] {
        (request?.fields ?? []).filter { field in field.name.withUnsafeBytes { $0.equals(name) } }.map(\.value)
    }

    private func passes(_ name: [UInt8], _ purpose: Purpose) -> Bool {
        if Self.own.contains(name) { return false }
        if purpose == .shared, Self.shared.contains(name) { return false }
        return passesOrigin || !name.elementsEqual("origin".utf8)
    }

    /// RFC 9110 section 7.6.3. The members of those before us stay.
    private func via(_ request: StoredRequest?) -> [UInt8] {
        let member = Array("\(request?.isHTTP10 == true ? "1.0" : "1.1") \(name)".utf8)
        guard let before = request?.all("via"), before.count <= 1024 else { return member }
        return before + Array(", ".utf8) + member
    }

    /// The cookies but for the token's; nil when nothing is left.
    private func withoutToken(_ value: [UInt8]) -> [UInt8]? {
        let pairs = value.split(separator: UInt8(ascii: ";")).filter { pair in
            !pair.drop { $0 == 0x20 }.starts(with: "hdnts=".utf8)
        }
        return pairs.isEmpty ? nil : Array(pairs.joined(separator: [UInt8(ascii: ";")]))
    }
}
