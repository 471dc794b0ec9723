// SPDX-License-Identifier: Apache-2.0

import Net
import Token

/// Response fields and bodies that are made once at start. Belongs to one worker.
final class ResponseTexts {
    private let cacheStatus: [FieldBlock]
    private let proxyStatus: [FieldBlock]
    let options: FieldBlock
    let error: FieldBlock
    /// For 503: a client that asks again at once only adds to what is wrong.
    let retryAfter = block([("retry-after", "1")])
    let forbidden: [TokenRejection: BytesBody]
    let badPath = BytesBody("The path is not one that this server serves.\n".utf8)
    let misdirected = BytesBody("This host is not one that this server serves.\n".utf8)
    let methodNotAllowed = BytesBody("Only GET, HEAD and OPTIONS are allowed here.\n".utf8)
    let methodUnknown = BytesBody("This method is not known here.\n".utf8)
    let upstreamFailed = BytesBody("The upstream server could not deliver this.\n".utf8)
    let unreachable = BytesBody("No upstream server can be reached at the moment. Try again.\n".utf8)
    let overloaded = BytesBody("The server has no room for this at the moment. Try again.\n".utf8)
    let loopDetected = BytesBody("The request has been here before: the servers pass it round in a circle.\n".utf8)
    let notCached = BytesBody("This is not in the cache.\n".utf8)
    let contentMalformed = BytesBody("The content is malformed.\n".utf8)
    let contentTooLarge = BytesBody("The content is larger than this server takes.\n".utf8)
    let waitedTooLong = BytesBody("The upstream server took too long.\n".utf8)
    let preconditionFailed = BytesBody("What the request was to be answered for is not what is here.\n".utf8)
    let rangeNotSatisfiable = BytesBody("The range lies behind the end.\n".utf8)

    init(name: String) {
        cacheStatus = Disposition.allCases.map { disposition in
            guard !disposition.parameters.isEmpty else { return FieldBlock([]) }
            return Self.block([("cache-status", "\(name); \(disposition.parameters)")])
        }
        proxyStatus = ProxyError.allCases.map { error in
            error.text.isEmpty ? FieldBlock([]) : Self.block([("proxy-status", "\(name); error=\(error.text)")])
        }
        options = Self.block([("allow", "GET, HEAD, OPTIONS")])
        error = Self.block(
            [("content-type", "text/plain; charset=utf-8"), ("cache-control", "no-store")])
        forbidden = Dictionary(
            uniqueKeysWithValues: Self.reasons.map { ($0, BytesBody("\($1)\n".utf8)) })
    }

    func cacheStatus(_ disposition: Disposition) -> FieldBlock { cacheStatus[disposition.rawValue] }

    /// RFC 9209; nothing where there was no error.
    func proxyStatus(_ error: ProxyError) -> FieldBlock { proxyStatus[Int(error.rawValue)] }

    private static let reasons: [(TokenRejection, String)] = [
        (.missing, "A token is needed for this path."),
        (.malformed, "The token can not be read."),
        (.forged, "The token's signature is wrong."),
        (.notYetValid, "The token is not valid yet."),
        (.expired, "The token has expired."),
        (.wrongPath, "The token is not for this path."),
    ]

    private static func block(_ fields: [(String, String)]) -> FieldBlock {
        FieldBlock(fields.map { (Array($0.0.utf8), Array($0.1.utf8)) })
    }
}
