// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Edge

@Suite struct DescriptorBudgetTests {
    @Test(arguments: [(1024, 2, 64), (160, 1, 64), (65_536, 8, 4096), (4096, 4, 1)])
    func allThatMayBeOpenFits(descriptors: Int, workers: Int, upstream: Int) {
        let each = DescriptorBudget.connections(
            descriptors: descriptors, workers: workers, upstreamConnections: upstream, listeners: 2)
        #expect(each > 8)
        let upstreamFitting = min(upstream, each)
        #expect(workers * (each + upstreamFitting) < descriptors)
    }

    @Test func aFewConnectionsAreAlwaysTried() {
        #expect(
            DescriptorBudget.connections(descriptors: 10, workers: 4, upstreamConnections: 64, listeners: 1) == 8)
    }
}
