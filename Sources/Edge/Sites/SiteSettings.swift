// SPDX-License-Identifier: Apache-2.0

import Base
import Token

/// One entry of `sites:`, checked and with its files read.
struct SiteSettings: Sendable {
    /// The first of its hosts: what the metrics, the log and the keys of its responses call it.
    var name: String
    /// As the top level's, with the entry's own rules.
    var settings: EdgeSettings
    var requests: SiteCounter
}

/// The requests of one site: a counter for each worker, so that each has one writer. Outlives a reload.
final class SiteCounter: Sendable {
    let name: String
    let workers: [Counter]

    init(name: String, workers: Int) {
        self.name = name
        self.workers = (0..<workers).map { _ in Counter() }
    }

    var value: Int { workers.reduce(0) { $0 + $1.value } }
}
