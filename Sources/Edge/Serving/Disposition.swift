// SPDX-License-Identifier: Apache-2.0

/// How a request was answered, for Cache-Status (RFC 9211), the counters and the log.
enum Disposition: Int, CaseIterable {
    case hit, diskHit, staleHit, miss, collapsed, pass, bypass, validated, refetched, staleOnError, method, rejected,
        error
    case preflight

    /// RFC 9211 parameters behind the cache's name.
    var parameters: String {
        switch self {
        case .hit: "hit"
        case .diskHit: "hit; detail=disk"
        case .staleHit: "hit; detail=stale-while-revalidate"
        case .miss: "fwd=uri-miss; stored"
        case .collapsed: "fwd=uri-miss; collapsed"
        case .pass: "fwd=uri-miss"
        case .bypass: "fwd=bypass"
        case .validated: "fwd=stale; fwd-status=304; stored"
        case .refetched: "fwd=stale; stored"
        case .staleOnError: "hit; fwd=stale; detail=stale-if-error"
        case .method: "fwd=method"
        case .rejected, .preflight: ""
        case .error: "fwd=miss; detail=upstream-failed"
        }
    }

    /// In the log.
    var name: String {
        switch self {
        case .hit: "hit"
        case .diskHit: "disk"
        case .staleHit: "stale"
        case .miss: "miss"
        case .collapsed: "collapsed"
        case .pass: "pass"
        case .bypass: "bypass"
        case .validated: "validated"
        case .refetched: "refetched"
        case .staleOnError: "stale-on-error"
        case .method: "method"
        case .rejected: "rejected"
        case .error: "error"
        case .preflight: "preflight"
        }
    }

    /// The body came from the store: the response has an age.
    var isFromStore: Bool {
        switch self {
        case .hit, .diskHit, .staleHit, .validated, .staleOnError: true
        default: false
        }
    }
}
