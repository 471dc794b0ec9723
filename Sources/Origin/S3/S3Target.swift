// SPDX-License-Identifier: Apache-2.0

import Backends
import HTTPTypes

/// The decoded path and query of an S3 request with a path-style address: `/BUCKET/KEY?…`.
struct S3Target {
    /// The decoded path, as it is signed.
    let path: String
    /// Decoded pairs in their order.
    let query: [(name: String, value: String)]
    let bucket: String
    /// Empty for the bucket itself.
    let key: String

    /// Reads the request target as it came over the wire.
    init(_ rawTarget: String) throws(S3Error) {
        let halves = rawTarget.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let pathBytes = percentDecode(halves[0]),
            let pairs = parseQuery(halves.count == 2 ? String(halves[1]) : "")
        else { throw S3Error(.badRequest, "InvalidURI", "Couldn't parse the specified URI.") }
        let decoded = String(decoding: pathBytes, as: UTF8.self)
        // What is no UTF-8 would be replaced here and so could not be the name that the client meant.
        guard decoded.hasPrefix("/"), decoded.utf8.elementsEqual(pathBytes) else {
            throw S3Error(.badRequest, "InvalidURI", "Couldn't parse the specified URI.")
        }
        path = decoded
        query = pairs
        let names = decoded.dropFirst().split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        bucket = String(names.first ?? "")
        key = names.count == 2 ? String(names[1]) : ""
    }

    /// The first value of a query parameter; nil when it is not there.
    func query(_ name: String) -> String? { query.first { $0.name == name }?.value }

    /// Refuses what can not be the name of an object here.
    func requireObject(buckets: Set<String>) throws(S3Error) {
        guard buckets.contains(bucket) else { throw .noSuchBucket }
        guard !key.isEmpty else { throw .notImplemented("An operation on a bucket") }
        if let problem = ObjectNames.problem(key: key) { throw .invalidArgument("The key is not accepted: \(problem)") }
    }
}
