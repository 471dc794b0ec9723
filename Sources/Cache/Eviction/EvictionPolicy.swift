// SPDX-License-Identifier: Apache-2.0

/// How a full cache chooses what leaves. `loadtest cache-sim` compares them; docs/cache.md has the figures.
public enum EvictionPolicy: String, CaseIterable, Sendable, Codable {
    /// SIEVE: see `SieveOrder`.
    case sieve
    /// S3-FIFO: see `S3FIFOOrder`.
    case s3fifo
    /// Least recently used: see `LRUOrder`.
    case lru

    /// The one with the highest mean byte hit ratio over the traces of docs/cache.md.
    public static let standard = EvictionPolicy.s3fifo
}
