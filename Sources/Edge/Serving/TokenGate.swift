// SPDX-License-Identifier: Apache-2.0

import Base
import Net
import Token

/// The tokens that one connection has shown and that were verified. Belongs to the connection's worker.
private final class ConnectionTokens {
    static let tokensMax = 4

    /// The keys that verified them.
    var generation: Int
    var tokens: [VerifiedToken] = []
    var next = 0

    init(generation: Int) {
        self.generation = generation
    }

    /// Other keys are in force: what the ones before have verified counts no more.
    func forget(generation: Int) {
        tokens.removeAll()
        next = 0
        self.generation = generation
    }

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
    /// False: every request may pass.
    private(set) var isRequired: Bool
    private var keys: TokenKeySet?
    private var verifier: TokenVerifier?
    /// Counts the changes of the keys.
    private var generation = 0
    private let counters: EdgeCounters

    /// Without keys no token is required.
    init(keys: TokenKeySet?, counters: EdgeCounters) {
        self.keys = keys
        isRequired = keys != nil
        verifier = keys.map { TokenVerifier(keys: $0) }
        self.counters = counters
    }

    /// Puts other keys in force. A token that only a removed key verifies is refused from now on, on old connections too.
    func apply(_ keys: TokenKeySet?) {
        guard keys != self.keys else { return }
        self.keys = keys
        isRequired = keys != nil
        verifier = keys.map { TokenVerifier(keys: $0) }
        generation += 1
    }

    /// Nil when the request may pass. What is remembered lies in the connection's state, where only this type puts anything.
    @inline(__always)
    func rejection(_ carrier: TokenCarrier, nowSeconds: Int64, exchange: Exchange) -> TokenRejection? {
        guard !carrier.token.isEmpty else { return .missing }
        if let state = exchange.connectionState {
            // The gate is the only writer of a connection's state, so the type is known.
            let known = unsafeDowncast(state, to: ConnectionTokens.self)
            if known.generation != generation { known.forget(generation: generation) }
            for token in known.tokens where token.isEqual(to: carrier.token) {
                return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
            }
        }
        return verify(carrier, nowSeconds: nowSeconds, exchange: exchange)
    }

    private func verify(_ carrier: TokenCarrier, nowSeconds: Int64, exchange: Exchange) -> TokenRejection? {
        let state = exchange.connectionState
        guard let verifier else { return nil }
        switch verifier.verify(carrier.token) {
        case .failure(let failure): return failure.rejection
        case .success(let token):
            counters.tokensVerified.add()
            let known =
                state.map { unsafeDowncast($0, to: ConnectionTokens.self) } ?? ConnectionTokens(generation: generation)
            known.remember(token)
            exchange.connectionState = known
            return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
        }
    }
}
