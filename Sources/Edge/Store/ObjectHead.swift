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
    /// With its quotes, empty for none.
    let etag: [UInt8]
    let storability: Storability
    /// The age that the response had on arrival, in seconds.
    let initialAgeSeconds: Int
    let storedMilliseconds: Int64
    /// A player waits for this before anything else: it is sent before other responses of its connection.
    let isUrgent: Bool
    /// The upstream's Cache-Status list, which ours is appended to on a miss (RFC 9211 section 2); empty for none.
    let upstreamCacheStatus: [UInt8]

    init(
        status: Int, fields: FieldBlock, fieldBytes: Int, etag: [UInt8], storability: Storability,
        initialAgeSeconds: Int,
        storedMilliseconds: Int64, isUrgent: Bool = false, upstreamCacheStatus: [UInt8]
    ) {
        self.status = status
        self.fields = fields
        self.fieldBytes = fieldBytes
        self.etag = etag
        self.storability = storability
        self.initialAgeSeconds = initialAgeSeconds
        self.storedMilliseconds = storedMilliseconds
        self.isUrgent = isUrgent
        self.upstreamCacheStatus = upstreamCacheStatus
    }
}
