// SPDX-License-Identifier: Apache-2.0

import Base
import Net
import Synchronization
import Token

/// Decides whether a request's token opens its path. A connection's verified tokens are remembered (`ConnectionMemory`), so
/// that a hit costs no second HMAC; expiry and path are checked each time. Belongs to one site on one worker.
final class TokenGate {
    /// A number for each set of keys that was ever put in force in this process: what the ones before have verified, or
    /// those of another site, counts no more.
    private static let epochs = Atomic<Int>(0)

    /// False: every request may pass.
    private(set) var isRequired: Bool
    private var keys: TokenKeySet?
    private var verifier: TokenVerifier?
    private var epoch = TokenGate.nextEpoch()
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
        epoch = Self.nextEpoch()
    }

    private static func nextEpoch() -> Int { epochs.wrappingAdd(1, ordering: .relaxed).newValue }

    /// Nil when the request may pass.
    @inline(__always)
    func rejection(_ carrier: TokenCarrier, nowSeconds: Int64, exchange: Exchange) -> TokenRejection? {
        guard !carrier.token.isEmpty else { return .missing }
        if let token = ConnectionMemory.present(of: exchange)?.token(carrier.token, epoch: epoch) {
            return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
        }
        return verify(carrier, nowSeconds: nowSeconds, exchange: exchange)
    }

    private func verify(_ carrier: TokenCarrier, nowSeconds: Int64, exchange: Exchange) -> TokenRejection? {
        guard let verifier else { return nil }
        switch verifier.verify(carrier.token) {
        case .failure(let failure): return failure.rejection
        case .success(let token):
            counters.tokensVerified.add()
            ConnectionMemory.of(exchange).remember(token, epoch: epoch)
            return token.rejection(path: carrier.path, nowSeconds: nowSeconds)
        }
    }
}
