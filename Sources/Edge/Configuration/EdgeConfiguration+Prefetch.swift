// SPDX-License-Identifier: Apache-2.0

import Base

extension EdgeConfiguration {
    /// Reads `prefetch:`. Call when `role` is known: behind a shield stand edges that say themselves what comes next.
    mutating func readPrefetch(_ section: ConfigurationSection) {
        prefetch.isEnabled = section.boolean("enabled", default: role == .edge)
        prefetch.segmentsAhead = section.integer("segmentsAhead", default: prefetch.segmentsAhead, in: 1...4)
        prefetch.concurrentMax = section.integer("concurrent", default: prefetch.concurrentMax, in: 1...4096)
        prefetch.objectBytesMax = section.bytes(
            "objectBytes", default: prefetch.objectBytesMax, in: 1 << 16...1 << 30)
        prefetch.memoryPercentMax = section.integer("memoryPercent", default: prefetch.memoryPercentMax, in: 1...100)
    }
}
