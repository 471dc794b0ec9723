// SPDX-License-Identifier: Apache-2.0

import Base
import Net
import Testing

@testable import Edge

@Suite struct ServerChoiceTests {
    private static let keysCount = 20_000

    private func servers(_ count: Int, weights: [Int] = []) -> [UpstreamServer] {
        (0..<count).map { index in
            UpstreamServer(
                Endpoint(address: "10.0.0.\(index + 1)", port: 8500),
                weight: index < weights.count ? weights[index] : 1)
        }
    }

    private var keys: [UInt64] {
        (0..<Self.keysCount).map { ServerChoice.hash("/v/video-\($0 / 50)/720p/\($0 % 50).m4s".utf8) }
    }

    private func shares(_ choice: ServerChoice, count: Int) -> [Double] {
        var shares = [Double](repeating: 0, count: count)
        for key in keys { shares[choice.order(key)[0]] += 1 / Double(Self.keysCount) }
        return shares
    }

    @Test func keysAreSpreadEvenly() {
        for share in shares(ServerChoice(servers(5), loadFactor: 0), count: 5) { #expect(abs(share - 0.2) < 0.015) }
    }

    @Test func keysAreSpreadByWeight() {
        let choice = ServerChoice(servers(3, weights: [1, 2, 5]), loadFactor: 0)
        for (share, expected) in zip(shares(choice, count: 3), [0.125, 0.25, 0.625]) {
            #expect(abs(share - expected) < 0.02)
        }
    }

    /// The order of the list is not the order of the servers: two nodes that list them differently agree.
    @Test func theOrderOfTheListDoesNotMatter() {
        let list = servers(4)
        let other = Array(list.reversed())
        let (one, two) = (ServerChoice(list, loadFactor: 1.25), ServerChoice(other, loadFactor: 1.25))
        for key in keys.prefix(1000) {
            #expect(one.order(key).map { list[$0] } == two.order(key).map { other[$0] })
        }
    }

    @Test(arguments: [[1, 1, 1, 1], [3, 1, 2, 1]]) func aServerThatGoesMovesItsOwnKeysToTheirNext(weights: [Int]) {
        let list = servers(4, weights: weights)
        let rest = Array(list.dropLast())
        let (before, after) = (ServerChoice(list, loadFactor: 0), ServerChoice(rest, loadFactor: 0))
        for key in keys.prefix(5000) {
            let order = before.order(key)
            #expect(after.order(key)[0] == (order[0] == 3 ? order[1] : order[0]))
        }
    }

    @Test func theFirstThatIsEligibleIsChosen() {
        let choice = ServerChoice(servers(3), loadFactor: 1.25)
        let order = choice.order(keys[0])
        #expect(choice.choose(keys[0], isEligible: { _ in true }, load: { _ in 0 }) == order[0])
        #expect(choice.choose(keys[0], isEligible: { $0 != order[0] }, load: { _ in 0 }) == order[1])
        #expect(choice.choose(keys[0], isEligible: { _ in false }, load: { _ in 0 }) == nil)
    }

    /// One key alone, whose fetches never end: no server gets more than its bound, and each passes on to the next.
    @Test(arguments: [1.25, 2.0]) func noServerIsLoadedBeyondTheBound(factor: Double) {
        let choice = ServerChoice(servers(4), loadFactor: factor)
        var loads = [0, 0, 0, 0]
        for total in 1...2000 {
            let index = choice.choose(keys[0], isEligible: { _ in true }, load: { loads[$0] })
            if let index { loads[index] += 1 }
            let bound = max(ServerChoice.loadMin, Int((factor * Double(total) / 4).rounded(.up)))
            #expect(loads.max() ?? 0 <= bound)
        }
        #expect(loads.reduce(0, +) == 2000)
        let order = choice.order(keys[0])
        #expect(loads[order[0]] >= loads[order[1]] && loads[order[1]] >= loads[order[3]])
    }

    @Test func aLightLoadKeepsEveryKeyAtItsServer() {
        let choice = ServerChoice(servers(3), loadFactor: 1.25)
        for key in keys.prefix(1000) {
            let first = choice.order(key)[0]
            let load = { $0 == first ? ServerChoice.loadMin - 1 : 0 }
            #expect(choice.choose(key, isEligible: { _ in true }, load: load) == first)
        }
    }

    @Test func withoutABoundLoadDoesNotCount() {
        let choice = ServerChoice(servers(3), loadFactor: 0)
        let first = choice.order(keys[0])[0]
        #expect(choice.choose(keys[0], isEligible: { _ in true }, load: { $0 == first ? 10_000 : 0 }) == first)
    }

    @Test func aVideoIsAClass() {
        func fairness(_ path: String) -> UInt64 { UpstreamRoute.fairness(of: Array(path.utf8)) }
        #expect(fairness("/v/a/720p/1.m4s") == fairness("/v/a/x"))
        #expect(fairness("/v/a/1") != fairness("/v/b/1"))
        #expect(fairness("/v/a?b/c") == fairness("/v/a"))
    }
}
