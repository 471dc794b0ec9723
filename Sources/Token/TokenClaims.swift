// SPDX-License-Identifier: Apache-2.0

/// What an EdgeAuth 2.0 token says (Akamai's format): `[st=T~]exp=T~acl=A[!B…]~[id=SESSION~][data=X~]hmac=HEX`.
public struct TokenClaims: Sendable, Equatable {
    /// Seconds since 1970 before which the token is not valid; nil for no such bound.
    public var startSeconds: Int64?
    /// Seconds since 1970 from which on the token is not valid any more.
    public var expirySeconds: Int64
    /// Path patterns that the token opens; `*` stands for any run of characters.
    public var acl: [String]
    /// The viewer's session, for revocation and logs; nil for none.
    public var session: String?
    /// Free text of the signer; nil for none.
    public var data: String?

    public init(
        startSeconds: Int64? = nil, expirySeconds: Int64, acl: [String], session: String? = nil, data: String? = nil
    ) {
        self.startSeconds = startSeconds
        self.expirySeconds = expirySeconds
        self.acl = acl
        self.session = session
        self.data = data
    }
}
