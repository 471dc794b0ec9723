// SPDX-License-Identifier: Apache-2.0

/// What a shared cache may do with a response (RFC 9111 section 3).
public enum Storability: Sendable, Equatable {
    /// Keep it. It may be stale from the first moment on, where it can be validated or used in an outage.
    case store(StoredFreshness)
    /// Not to be kept, but it answers the requests that were already waiting for it: they would have got the
    /// same (RFC 9111 section 4, "collapsed"). Only those whose selecting fields match, where it has `Vary`.
    case shareOnce
    /// Only for the request that fetched it; the others go upstream themselves, in parallel.
    case uncacheable
}
