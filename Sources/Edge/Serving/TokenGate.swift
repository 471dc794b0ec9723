// SPDX-License-Identifier: Apache-2.0

import Base
import Net
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
final class TokenGate {
    private let verifier: TokenVerifier
    private let counters: EdgeCounters

    init(keys: TokenKeySet, counters: EdgeCounters) {
        verifier = TokenVerifier(keys: keys)
        self.counters = counters
    }

    /// Nil when the request may pass. What is remembered lies in the connection's state, where only this type puts anything.
    @inline(__always)
    func rejection(_ carrier: TokenCarrier, nowSeconds: Int64, exchange: Exchange) -> TokenRejection? {
        guard !carrier.token.isEmpty else { return .missing }
        if let state = exchange.connectionState {
            // The gate is the only writer of a connection's state, so the type is known.
            let known = unsafeDowncast(state, to: ConnectionTokens.self)
            for token in known.tokens where token.isEqual(to: carrier.token) {
                return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
            }
        }
        return verify(carrier, nowSeconds: nowSeconds, exchange: exchange)
    }

    private func verify(_ carrier: TokenCarrier, nowSeconds: Int64, exchange: Exchange) -> TokenRejection? {
        let state = exchange.connectionState
        switch verifier.verify(carrier.token) {
        case .failure(let failure): return failure.rejection
        case .success(let token):
            counters.tokensVerified.add()
            let known = state.map { unsafeDowncast($0, to: ConnectionTokens.self) } ?? ConnectionTokens()
            known.remember(token)
            exchange.connectionState = known
            return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
        }
    }
}
