// SPDX-License-Identifier: Apache-2.0

/// Which stored responses a 304 speaks of (RFC 9111 section 4.3.4).
public enum ValidationMatch {
    /// - Parameters:
    ///   - fields: those of the 304.
    ///   - stored: the validators of the responses that were asked about, the most recent first.
    ///   - asked: the place of the one that matches the request, when its validators were sent.
    /// - Returns: the places of the responses to update with the 304's fields. None when it speaks of something else: then
    ///   nothing is updated, and the request is to be sent again without conditions.
    public static func updated(by fields: [FieldLine], stored: [StoredValidators], asked: Int?) -> [Int] {
        let answer = StoredValidators(fields)
        if let tag = answer.tag {
            let matches = stored.indices.filter { index in
                guard let storedTag = stored[index].tag else { return false }
                return tag.isWeak ? tag.isWeaklyEqual(storedTag) : tag.isStronglyEqual(storedTag)
            }
            return tag.isWeak ? Array(matches.prefix(1)) : matches
        }
        if !answer.etag.isEmpty { return Array(stored.indices.filter { stored[$0].etag == answer.etag }.prefix(1)) }
        if !answer.lastModified.isEmpty {
            let matches = stored.indices.filter { stored[$0].lastModified == answer.lastModified }
            return Array((matches.contains { $0 == asked } ? matches.filter { $0 == asked } : matches).prefix(1))
        }
        // Servers may leave Last-Modified out of a 304 (RFC 9110 section 15.4.5), and some forget the tag. Where only one
        // response was asked about, the answer is about that.
        guard let asked, stored.count == 1, stored.indices.contains(asked) else { return [] }
        return [asked]
    }
}
