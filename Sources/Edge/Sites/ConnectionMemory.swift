// SPDX-License-Identifier: Apache-2.0

import Glibc
import Net
import Token

/// What one connection has shown: the host that it asked for last, and the tokens that were verified. Belongs to the
/// connection's worker, and dies with the connection.
final class ConnectionMemory {
    private static let tokensMax = 8
    /// A host name has 253 characters at most; what is longer is no name and is not kept.
    private static let hostBytesMax = 264

    private struct Remembered {
        /// Of the keys that verified it; see `TokenGate`.
        var epoch: Int
        var token: VerifiedToken
    }

    private var tokens: [Remembered] = []
    private var nextToken = 0
    private var host: [UInt8] = []
    private var site: Site?
    /// Of the table that `site` was found in.
    private var generation = 0

    /// What there is; nil for a connection that has shown nothing yet.
    @inline(__always)
    static func present(of exchange: Exchange) -> ConnectionMemory? {
        // Nobody else writes a connection's state, so the type is known.
        exchange.connectionState.map { unsafeDowncast($0, to: ConnectionMemory.self) }
    }

    static func of(_ exchange: Exchange) -> ConnectionMemory {
        if let present = present(of: exchange) { return present }
        let made = ConnectionMemory()
        exchange.connectionState = made
        return made
    }

    // MARK: The site

    /// The site of the last request, when this one has the same authority, byte for byte, and no reload has come.
    @inline(__always)
    func site(of authority: UnsafeRawBufferPointer, generation: Int) -> Site? {
        guard self.generation == generation, host.count == authority.count, let other = authority.baseAddress else {
            return nil
        }
        return host.withUnsafeBytes { memcmp($0.baseAddress ?? other, other, authority.count) == 0 } ? site : nil
    }

    func note(_ authority: UnsafeRawBufferPointer, _ site: Site, generation: Int) {
        guard authority.count <= Self.hostBytesMax else { return }
        host.removeAll(keepingCapacity: true)
        host.append(contentsOf: authority)
        self.site = site
        self.generation = generation
    }

    // MARK: Tokens

    /// The token with these bytes, if the keys of this epoch have verified it here.
    @inline(__always)
    func token(_ bytes: UnsafeRawBufferPointer, epoch: Int) -> VerifiedToken? {
        for known in tokens where known.epoch == epoch && known.token.isEqual(to: bytes) { return known.token }
        return nil
    }

    func remember(_ token: VerifiedToken, epoch: Int) {
        let remembered = Remembered(epoch: epoch, token: token)
        if tokens.count < Self.tokensMax {
            tokens.append(remembered)
        } else {
            tokens[nextToken] = remembered
            nextToken = (nextToken + 1) % Self.tokensMax
        }
    }
}
