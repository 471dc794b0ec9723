// SPDX-License-Identifier: Apache-2.0

import Cache
import Net

/// The head of a stored response: what is sent with every answer from it. Immutable, shared by all workers.
final class ObjectHead: Sendable {
    let status: Int
    /// End-to-end fields with ours (CORS, Accept-Ranges) added.
    let fields: FieldBlock
    /// The names and values of the fields.
    let fieldBytes: Int
    /// Those of them that a 304 carries (RFC 9110 section 15.4.5), and a 206 with several parts.
    let notModifiedFields: FieldBlock
    /// With its quotes, empty for none.
    let etag: [UInt8]
    /// `Last-Modified` and `Date`, in seconds since 1970.
    let modifiedSeconds: Int64?
    let dateSeconds: Int64?
    /// Empty for none.
    let contentType: [UInt8]
    /// The body comes in a coding of the upstream's.
    let isEncoded: Bool
    /// The body may be sent in gzip's coding; the fields say `Vary: Accept-Encoding` then.
    let isCompressible: Bool
    let storability: Storability
    /// The age that the response had on arrival, in seconds.
    let initialAgeSeconds: Int
    let storedMilliseconds: Int64
    /// A player waits for this before anything else: it is sent before other responses of its connection.
    let isUrgent: Bool
    /// The upstream's Cache-Status list, which ours is appended to on a miss (RFC 9211 section 2); empty for none.
    let upstreamCacheStatus: [UInt8]

    init(
        status: Int, fields: [(name: [UInt8], value: [UInt8])], isCompressible: Bool, storability: Storability,
        initialAgeSeconds: Int, storedMilliseconds: Int64, isUrgent: Bool = false, upstreamCacheStatus: [UInt8]
    ) {
        func first(_ name: StaticString) -> [UInt8]? {
            fields.first { field in field.name.withUnsafeBytes { $0.equals(name) } }?.value
        }
        self.status = status
        self.fields = FieldBlock(fields)
        notModifiedFields = FieldBlock(Self.notModified(fields))
        fieldBytes = Self.bytes(of: fields)
        etag = first("etag") ?? []
        modifiedSeconds = first("last-modified").flatMap { parseHTTPDate($0) }
        dateSeconds = first("date").flatMap { parseHTTPDate($0) }
        contentType = first("content-type") ?? []
        isEncoded = first("content-encoding") != nil
        self.isCompressible = isCompressible
        self.storability = storability
        self.initialAgeSeconds = initialAgeSeconds
        self.storedMilliseconds = storedMilliseconds
        self.isUrgent = isUrgent
        self.upstreamCacheStatus = upstreamCacheStatus
    }

    /// What fields take in a head.
    static func bytes(of fields: [(name: [UInt8], value: [UInt8])]) -> Int {
        fields.reduce(0) { $0 + $1.name.count + $1.value.count + 4 }
    }

    /// Without those that describe the body (`Content-Location` names the resource).
    static func notModified(_ fields: [(name: [UInt8], value: [UInt8])]) -> [(name: [UInt8], value: [UInt8])] {
        fields.filter { field in
            !field.name.starts(with: "content-".utf8) || field.name.elementsEqual("content-location".utf8)
        }
    }

    /// Calls `body` with what the object is compared by, under the tag given.
    @inline(__always)
    func withValidators<Result>(etag: [UInt8], _ body: (Validators) -> Result) -> Result {
        etag.withUnsafeBytes {
            body(Validators(etag: $0, modifiedSeconds: modifiedSeconds, dateSeconds: dateSeconds))
        }
    }
}
