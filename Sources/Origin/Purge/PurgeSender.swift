// SPDX-License-Identifier: Apache-2.0
//
// Has no state but what it was configured with: what is to be sent is in the outbox, so a restart changes nothing. One
// task plans, one for each node sends; a node that is down or slow keeps no other one waiting, but for the order of stages.

import Backends
import Base
import ServiceLifecycle

/// Tells shields, then edges, to forget what has changed, and again until each has confirmed.
struct PurgeSender: Service {
    /// How often the outbox is looked at.
    private static let pollMilliseconds: Int64 = 250
    /// Purges of one request to a node.
    private static let batchSize = 100

    private let nodes: [(endpoint: Endpoint, node: PurgeNode)]
    private let outbox: SQLitePurgeOutbox
    private let client: PurgeClient
    private let metrics: OriginMetrics

    /// Reads the token file when there are nodes. Throws a `ConfigurationError` or a `SystemError`.
    init(_ configuration: OriginConfiguration.Purge, outbox: SQLitePurgeOutbox, metrics: OriginMetrics) throws {
        nodes =
            configuration.shields.map { ($0, PurgeNode(name: "\($0)", stage: 0)) }
            + configuration.edges.map { ($0, PurgeNode(name: "\($0)", stage: 1)) }
        self.outbox = outbox
        let token = configuration.isOff ? "" : try BearerTokens(file: configuration.tokenFile).first
        client = PurgeClient(token: token, timeoutMilliseconds: configuration.timeoutMilliseconds)
        self.metrics = metrics
    }

    func run() async throws {
        do {
            try await outbox.keepOnly(nodes.map(\.node))
        } catch {
            Log.warning("purges of earlier nodes stay", ["reason": "\(error)"])
        }
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await repeatedly { try await plan() } }
                for (endpoint, node) in nodes {
                    group.addTask { await repeatedly { try await send(to: endpoint, node) } }
                }
            }
        }
    }

    /// Does a step at once when there may be more, else a while later; until it is cancelled.
    private func repeatedly(_ step: @Sendable () async throws -> Bool) async {
        var isDone = false
        while !Task.isCancelled {
            do {
                isDone = try await step()
            } catch {
                isDone = true
                if !Task.isCancelled { Log.warning("purges are tried again later", ["reason": "\(error)"]) }
            }
            guard isDone else { continue }
            guard (try? await Task.sleep(for: .milliseconds(Self.pollMilliseconds))) != nil else { return }
        }
    }

    /// One step of planning; true when nothing is left.
    func plan() async throws -> Bool {
        guard try await outbox.hasUnplanned() else { return true }
        return try await outbox.plan(nodes.map(\.node))
    }

    /// One request to a node; true when there is nothing more to be sent now.
    private func send(to endpoint: Endpoint, _ node: PurgeNode) async throws -> Bool {
        let due = try await outbox.due(node: node.name, limit: Self.batchSize)
        guard !due.isEmpty else { return true }
        do {
            try await client.purge(endpoint, surrogateKeys: due.map(\.surrogateKey))
        } catch {
            metrics.countPurges(failed: 1)
            let failures = due[0].failures + 1
            Log.warning(
                "a node did not confirm a purge; it is told again",
                ["node": node.name, "purges": "\(due.count)", "failures": "\(failures)", "reason": "\(error)"])
            try await outbox.postpone(due)
            return true
        }
        try await outbox.confirm(due)
        metrics.countPurges(confirmed: due.count)
        Log.info(
            "a node has confirmed",
            [
                "node": node.name, "purges": "\(due.count)",
                "keys": due.prefix(10).map(\.surrogateKey).joined(separator: " "),
            ])
        return due.count < Self.batchSize
    }
}
