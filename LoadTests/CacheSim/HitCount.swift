// SPDX-License-Identifier: Apache-2.0

/// Requests and their bytes, and how many of them were hits.
struct HitCount: Codable, Equatable, Sendable {
    var requests = 0
    var hits = 0
    var bytes = 0
    var hitBytes = 0

    /// Hits of all requests; 0 where there was none.
    var hitRatio: Double { requests > 0 ? Double(hits) / Double(requests) : 0 }
    /// Bytes of the hits of the bytes of all requests.
    var byteHitRatio: Double { bytes > 0 ? Double(hitBytes) / Double(bytes) : 0 }

    mutating func count(isHit: Bool, bytes: Int) {
        requests += 1
        self.bytes += bytes
        guard isHit else { return }
        hits += 1
        hitBytes += bytes
    }
}
