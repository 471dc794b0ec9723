// SPDX-License-Identifier: Apache-2.0

import Base
import Token

/// The tokens that one connection has shown and that were verified. Belongs to the connection's worker.
private final class ConnectionTokens {
    static let tokensMax = 4

    var tokens: [VerifiedToken] = []
    var next = 0

    func remember(_ token: VerifiedToken) {
        if tokens.count < Self.tokensMax {
            tokens.append(token)
        } else {
            tokens[next] = token
            next = (next + 1) % Self.tokensMax
        }
    }
}

/// Decides whether a request's token opens its path. A connection's verified tokens are remembered, so that a
/// hit costs no second HMAC; expiry and path are checked each time.
struct TokenGate {
    private let verifier: TokenVerifier
    private let counters: EdgeCounters

    init(keys: TokenKeySet, counters: EdgeCounters) {
        verifier = TokenVerifier(keys: keys)
        self.counters = counters
    }

    /// Nil when the request may pass. `state` is the connection's, and only this type puts anything there.
    @inline(__always)
    func rejection(_ carrier: TokenCarrier, nowSeconds: Int64, state: inout AnyObject?) -> TokenRejection? {
        guard !carrier.token.isEmpty else { return .missing }
        if let state {
            // The gate is the only writer of a connection's state, so the type is known.
            let known = unsafeDowncast(state, to: ConnectionTokens.self)
            for token in known.tokens where token.isEqual(to: carrier.token) {
                return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
            }
        }
        return verify(carrier, nowSeconds: nowSeconds, state: &state)
    }

    private func verify(_ carrier: TokenCarrier, nowSeconds: Int64, state: inout AnyObject?) -> TokenRejection? {
        switch verifier.verify(carrier.token) {
        case .failure(let failure): return failure.rejection
        case .success(let token):
            counters.tokensVerified.add()
            let known = state.map { unsafeDowncast($0, to: ConnectionTokens.self) } ?? ConnectionTokens()
            known.remember(token)
            state = known
            return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
        }
    }
}
