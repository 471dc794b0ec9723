// SPDX-License-Identifier: Apache-2.0

import Net

/// Which other sites' scripts may read responses (the CORS protocol of the Fetch standard).
struct CrossOriginRules: Equatable, Sendable {
    /// Origins by name, or `*` alone for every one; empty for none.
    var allowOrigins: [String] = []
    /// Lets scripts send and use cookies; never together with `*`.
    var allowCredentials = false
    var maxAgeSeconds = 86_400

    var allowsAll: Bool { allowOrigins == ["*"] }
    /// The response depends on the Origin field.
    var isSelective: Bool { !allowOrigins.isEmpty && !allowsAll }
}

/// The fields of the rules, made once at start. Belongs to one worker.
final class CrossOrigin {
    private static let exposed = "content-length, content-range, content-encoding, etag, age, date, cache-status"
    private static let methods = "GET, HEAD, OPTIONS"
    /// What is allowed to a preflight that names no headers.
    private static let headers = "range, if-range, if-none-match, if-modified-since"
    private static let requestedBytesMax = 1024

    let rules: CrossOriginRules
    private let origins: [[UInt8]]
    /// Worked out once: a comparison of arrays would allocate for each request.
    private let allowsAll: Bool
    /// By `Exchange.originTag`: what everybody gets, then for each allowed origin what it gets.
    private let blocks: [FieldBlock]
    private let preflightFields: FieldBlock

    init(_ rules: CrossOriginRules) {
        self.rules = rules
        origins = rules.allowOrigins.map { Array($0.utf8) }
        allowsAll = rules.allowsAll
        // A response that every site may read says so to all: browsers may use their copy for either kind of request.
        let common =
            rules.allowsAll ? [("access-control-allow-origin", "*")] : rules.isSelective ? [("vary", "origin")] : []
        blocks =
            [Self.block(common)]
            + rules.allowOrigins.map { origin in
                Self.block(
                    common + (rules.allowsAll ? [] : [("access-control-allow-origin", origin)])
                        + (rules.allowCredentials ? [("access-control-allow-credentials", "true")] : [])
                        + [("access-control-expose-headers", Self.exposed)])
            }
        preflightFields = Self.block([
            ("access-control-allow-methods", Self.methods), ("access-control-max-age", "\(rules.maxAgeSeconds)"),
        ])
    }

    /// The tag of a request with this Origin field, 0 when it gets nothing.
    @inline(__always)
    func tag(for origin: UnsafeRawBufferPointer) -> Int {
        guard !origin.isEmpty, !origins.isEmpty else { return 0 }
        return allowsAll ? 1 : (origins.firstIndex { origin.elementsEqual($0) } ?? -1) + 1
    }

    /// What a response gets beside the stored fields. A tag that was given under other rules may be out of range.
    @inline(__always)
    func fields(_ tag: Int) -> FieldBlock { blocks[tag < blocks.count ? tag : 0] }

    /// Adds what a preflight asks for. Every header is allowed: those that are not known here do nothing.
    func addPreflight(to response: ResponseBuilder, tag: Int, requestedHeaders: UnsafeRawBufferPointer) {
        guard tag > 0 else { return }
        response.add(preflightFields)
        let isList =
            !requestedHeaders.isEmpty && requestedHeaders.count <= Self.requestedBytesMax
            && requestedHeaders.allSatisfy { byte in
                isHeaderNameByte(byte) || byte == UInt8(ascii: ",") || byte == 0x20
            }
        if isList {
            response.add("access-control-allow-headers", bytes: requestedHeaders)
        } else {
            response.add("access-control-allow-headers", text: Self.headers)
        }
        response.add("vary", "access-control-request-headers")
    }

    private func isHeaderNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "_"): true
        default: false
        }
    }

    private static func block(_ fields: [(String, String)]) -> FieldBlock {
        FieldBlock(fields.map { (Array($0.0.utf8), Array($0.1.utf8)) })
    }
}
