// SPDX-License-Identifier: Apache-2.0

import Base

/// The way of one request through the servers: what its key is and where it has been. One for each fill or passed-on
/// request; every try is started with it. Belongs to its worker's thread.
final class UpstreamRoute {
    /// Decides the order of the servers.
    let keyHash: UInt64
    /// Requests of one class wait behind one another, not behind those of other classes.
    let fairness: UInt64
    /// Servers that this request has been sent to.
    private(set) var tried: [Endpoint] = []
    /// Those of them that could not even be reached.
    private(set) var unreached: [Endpoint] = []

    /// `fairness` is by default the first two components of the path, such as a video: what one video asks for waits
    /// behind itself.
    init(key: [UInt8], fairness: UInt64? = nil) {
        keyHash = ServerChoice.hash(key)
        self.fairness = fairness ?? Self.fairness(of: key)
    }

    static func fairness(of key: [UInt8]) -> UInt64 {
        var slashes = 0
        let prefix = key.prefix { byte in
            if byte == UInt8(ascii: "?") { return false }
            if byte == UInt8(ascii: "/") { slashes += 1 }
            return slashes <= 2
        }
        return ServerChoice.hash(prefix)
    }

    func visit(_ endpoint: Endpoint) {
        if !tried.contains(endpoint) { tried.append(endpoint) }
    }

    func failedToReach(_ endpoint: Endpoint) {
        if !unreached.contains(endpoint) { unreached.append(endpoint) }
    }
}
