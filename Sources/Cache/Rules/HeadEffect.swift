// SPDX-License-Identifier: Apache-2.0

/// What the response to a HEAD does to a stored response to GET that could have answered it (RFC 9111 section 4.3.5).
public enum HeadEffect: Sendable, Equatable {
    /// Its fields go into the stored head (`FieldMerge`), which is then judged anew.
    case update
    /// The representation has changed: the stored one is to be validated before it is used again.
    case markStale
    case none

    /// - Parameters:
    ///   - status: that of the response to HEAD.
    ///   - length: what it says of the length, in `Content-Length`.
    ///   - storedLength: the length of the stored representation, whole or not; nil when it is not known.
    public init(
        status: Int, fields lines: [FieldLine], length: Int?, storedStatus: Int, stored: StoredValidators,
        storedLength: Int?
    ) {
        guard status == 200 else {
            self = .none
            return
        }
        let new = StoredValidators(lines)
        let hasSameTag = new.etag.isEmpty || new.etag == stored.etag
        let hasSameDate = new.lastModified.isEmpty || new.lastModified == stored.lastModified
        let hasSameLength = length == nil || storedLength == nil || length == storedLength
        self = storedStatus == 200 && hasSameTag && hasSameDate && hasSameLength ? .update : .markStale
    }
}
