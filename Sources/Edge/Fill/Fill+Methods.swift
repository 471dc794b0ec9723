// SPDX-License-Identifier: Apache-2.0

import Cache
import Net
import Synchronization

/// Responses to other methods than GET that say something of a stored response, or are one to GET as well.
extension Fill {
    /// What a response to HEAD says of the stored one (RFC 9111 section 4.3.5). Nil when it is to be passed on as it
    /// is; otherwise as `take`.
    func takeHead(_ response: UpstreamResponse, _ base: CachedObject) -> Bool? {
        guard let head = base.head, let body = base.stored, body.phase != .failed else { return nil }
        // What was purged or invalidated is not brought back by a head that could be of anything.
        guard !base.isInvalidated.load(ordering: .relaxed), worker.tier.isUnpurged(base) else { return nil }
        let effect = HeadEffect(
            status: response.status, fields: response.fields, length: response.contentLength, storedStatus: head.status,
            stored: head.validators, storedLength: body.length)
        switch effect {
        case .update: return renew(base, head, body, with: response.fields)
        case .markStale:
            base.invalidate()
            worker.disk?.invalidate(object.key)
            return nil
        case .none: return nil
        }
    }

    /// A response to POST that is one to GET as well, because it names its target as what it describes (RFC 9110 section
    /// 9.3.3). Only where fields of requests go upstream for GET too: its own did, and it may depend on them.
    func isAlsoForGet(_ response: UpstreamResponse) -> Bool {
        guard case .pass = purpose, let request, request.method == .post, response.status == 200,
            !site.upstreamFields.answersAll, let location = response.first("content-location")
        else { return false }
        return worker.target(of: object.key, request).isSame(location)
    }
}
