// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Net

/// Shares out the descriptors that the process may have: viewers must not take those with which upstream is asked.
enum DescriptorBudget {
    /// Standard streams, logs, the administration's and the listening sockets, and what the loops need.
    private static let ownDescriptors = 32
    private static let descriptorsOfWorker = 8
    /// Listeners accept before they refuse: one descriptor for each of them in the moment.
    private static let connectionsMin = 8

    /// The server's limits with as many connections as there are descriptors for; says so in the log when these are fewer
    /// than configured.
    static func fit(_ configuration: EdgeConfiguration, upstreamConnections: Int) -> ServerLimits {
        var limits = configuration.serverLimits
        let descriptors = spw_raise_open_files()
        guard descriptors > 0 else { return limits }
        let fitting = connections(
            descriptors: descriptors, workers: configuration.workers,
            upstreamConnections: upstreamConnections, listeners: configuration.listen.count)
        guard fitting < limits.connectionsMax else { return limits }
        Log.warning(
            "Fewer connections than limits.connectionsPerWorker: the limit of open files is too low",
            ["openFiles": "\(descriptors)", "connectionsPerWorker": "\(fitting)"])
        limits.connectionsMax = fitting
        return limits
    }

    /// Connections for each worker. Upstream connections get what they may need, but never more than half.
    static func connections(descriptors: Int, workers: Int, upstreamConnections: Int, listeners: Int) -> Int {
        let rest = descriptors - ownDescriptors - workers * (descriptorsOfWorker + listeners)
        let perWorker = max(0, rest) / workers
        return max(connectionsMin, perWorker - min(upstreamConnections, perWorker / 2))
    }
}
