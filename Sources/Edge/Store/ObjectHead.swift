// SPDX-License-Identifier: Apache-2.0

import Cache
import Net

/// The head of a stored response: what is sent with every answer from it. Immutable, shared by all workers.
final class ObjectHead: Sendable {
    let status: Int
    /// The end-to-end fields as they came, for the next validation to merge with.
    let stored: [FieldLine]
    /// What is sent: those fields without what only the first request gets, with ours added.
    let fields: FieldBlock
    /// What the request that fetched the response gets, when that is more (`Cache-Control: no-cache="set-cookie"`).
    let firstFields: FieldBlock?
    /// The names and values of the fields.
    let fieldBytes: Int
    /// Those of them that a 304 carries (RFC 9110 section 15.4.5), and a 206 with several parts.
    let notModifiedFields: FieldBlock
    /// With its quotes, empty for none.
    let etag: [UInt8]
    let validators: StoredValidators
    /// `Last-Modified` and `Date`, in seconds since 1970.
    let modifiedSeconds: Int64?
    let dateSeconds: Int64?
    /// Empty for none.
    let contentType: [UInt8]
    /// What the head said of the body's length; nil for nothing.
    let announcedLength: Int?
    /// The body comes in a coding of the upstream's.
    let isEncoded: Bool
    /// The body may be sent in gzip's coding; the fields say `Vary: Accept-Encoding` then.
    let isCompressible: Bool
    let storability: Storability
    /// How the response depends on requests; nil for not at all.
    let vary: VaryRule?
    /// Loop time of its arrival.
    let storedMilliseconds: Int64
    /// The age that the response had on arrival, in milliseconds.
    let initialAgeMilliseconds: Int64
    /// A player waits for this before anything else: it is sent before other responses of its connection.
    let isUrgent: Bool
    /// It has the type of an HLS playlist.
    let isPlaylist: Bool
    /// The upstream's Cache-Status list, which ours is appended to on a miss (RFC 9211 section 2); empty for none.
    let upstreamCacheStatus: [UInt8]
    /// What purges may name it by.
    let surrogateKeys: SurrogateKeys

    /// What is known beside the fields.
    struct Facts {
        var isCompressible = false
        var storability = Storability.shareOnce
        var vary: VaryRule?
        var announcedLength: Int?
        var storedMilliseconds: Int64 = 0
        var isUrgent = false
        var isPlaylist = false
        var upstreamCacheStatus: [UInt8] = []
        var surrogateKeys = SurrogateKeys()
    }

    /// `stored` are the fields as they came, `sent` those that every answer carries, `first` those of the first one where
    /// they are others.
    init(status: Int, stored: [FieldLine], sent: [FieldLine], first: [FieldLine]? = nil, _ facts: Facts) {
        func value(_ name: StaticString) -> [UInt8]? {
            stored.first { field in field.name.withUnsafeBytes { $0.equals(name) } }?.value
        }
        self.status = status
        self.stored = stored
        fields = FieldBlock(sent)
        firstFields = first.map { FieldBlock($0) }
        notModifiedFields = FieldBlock(Self.notModified(sent))
        fieldBytes = 3 * Self.bytes(of: stored) + Self.bytes(of: sent)
        etag = value("etag") ?? []
        validators = StoredValidators(stored)
        modifiedSeconds = value("last-modified").flatMap { parseHTTPDate($0) }
        dateSeconds = value("date").flatMap { parseHTTPDate($0) }
        contentType = value("content-type") ?? []
        isEncoded = value("content-encoding") != nil
        announcedLength = facts.announcedLength
        isCompressible = facts.isCompressible
        storability = facts.storability
        vary = facts.vary
        storedMilliseconds = facts.storedMilliseconds
        isUrgent = facts.isUrgent
        isPlaylist = facts.isPlaylist
        upstreamCacheStatus = facts.upstreamCacheStatus
        surrogateKeys = facts.surrogateKeys
        if case .store(let freshness) = facts.storability {
            initialAgeMilliseconds = freshness.ageOnArrivalMilliseconds
        } else {
            initialAgeMilliseconds = 0
        }
    }

    var freshness: StoredFreshness? {
        guard case .store(let freshness) = storability else { return nil }
        return freshness
    }

    /// Loop time until which the response is fresh; 0 for one that is not stored.
    var freshUntilMilliseconds: Int64 {
        freshness.map { storedMilliseconds + $0.freshAfterArrivalMilliseconds } ?? 0
    }

    /// Loop time until which it is used while a new one is fetched.
    var usableUntilMilliseconds: Int64 {
        freshness.map { storedMilliseconds + $0.usableAfterArrivalMilliseconds } ?? 0
    }

    /// What fields take in a head.
    static func bytes(of fields: [FieldLine]) -> Int {
        fields.reduce(0) { $0 + $1.name.count + $1.value.count + 4 }
    }

    /// Without those that describe the body (`Content-Location` names the resource).
    static func notModified(_ fields: [FieldLine]) -> [FieldLine] {
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
