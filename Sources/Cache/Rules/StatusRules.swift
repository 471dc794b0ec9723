// SPDX-License-Identifier: Apache-2.0

/// What a status code says about caching.
enum StatusRules {
    /// Statuses whose meaning does not depend on the moment: fresh by heuristics unless something says otherwise (RFC 9110
    /// section 15.1).
    static func isHeuristicallyCacheable(_ status: Int) -> Bool {
        switch status {
        case 200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501: true
        default: false
        }
    }

    /// Final statuses that RFC 9110 and RFC 6585 define, and whose requirements on caches are met: what `must-understand`
    /// asks for (RFC 9111 section 5.2.2.3).
    static func isUnderstood(_ status: Int) -> Bool {
        switch status {
        case 200...206, 300...303, 307, 308, 400...411, 413...415, 417, 421, 422, 426, 428, 429, 431, 451, 500...505,
            511:
            true
        default: false
        }
    }

    /// The response answers the conditions, the ranges or the proxy of one request: nobody else could use it.
    static func isForOneRequest(_ status: Int) -> Bool {
        switch status {
        case 304, 407, 412, 416: true
        default: false
        }
    }
}
