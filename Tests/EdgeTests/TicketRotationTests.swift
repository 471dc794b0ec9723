// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Testing

@testable import Edge
@testable import Net

@Suite struct TicketRotationTests {
    private func settings(_ tickets: String) throws -> EdgeConfiguration.TLS {
        let text = "certificate: a\nkey: b\ntickets: {\(tickets)}\n"
        let configuration = try Configuration(text: text, file: "x")
        // Its sections do not keep it.
        return withExtendedLifetime(configuration) { EdgeConfiguration.TLS(configuration.root, isNeeded: true) }
    }

    private func name(_ keys: TicketKeys) -> [UInt8] { Array(keys.newest.name) }

    @Test func randomKeysAreReplacedByTheClock() throws {
        let keys = try TicketKeys()
        let first = name(keys)
        var rotation = TicketRotation(try settings("rotateMinutes: 2"), keys: keys, now: 1000)
        rotation.turn(now: 1000 + 119_999)
        #expect(name(keys) == first)
        rotation.turn(now: 1000 + 120_000)
        let second = name(keys)
        #expect(second != first)
        rotation.turn(now: 1000 + 120_001)
        #expect(name(keys) == second)
        rotation.turn(now: 1000 + 240_000)
        #expect(name(keys) != second)
    }

    @Test func aReloadDoesNotPutTheClockBack() throws {
        let keys = try TicketKeys()
        let first = name(keys)
        let before = TicketRotation(try settings("rotateMinutes: 2"), keys: keys, now: 0)
        var after = TicketRotation(try settings("rotateMinutes: 2"), keys: keys, now: 100_000)
        after.resume(before)
        after.turn(now: 120_000)
        #expect(name(keys) != first)
    }

    @Test func aFileIsReadWhenItChangesAndABadOneIsNot() throws {
        let file = NSTemporaryDirectory() + "tickets-\(UUID().uuidString)"
        defer { try? FileManager.default.removeItem(atPath: file) }
        func write(_ byte: UInt8, count: Int = 80) throws {
            try Data(repeating: byte, count: count).write(to: URL(fileURLWithPath: file))
        }
        try write(1)
        let keys = try TicketKeys(file: file)
        var rotation = TicketRotation(try settings("keysFile: \(file)"), keys: keys, now: 0)
        rotation.turn(now: 10_000)
        #expect(name(keys)[0] == 1)
        try write(2)
        rotation.turn(now: 10_001)
        #expect(name(keys)[0] == 1, "it is looked at every ten seconds")
        rotation.turn(now: 20_000)
        #expect(name(keys)[0] == 2)
        try write(3, count: 79)
        rotation.turn(now: 30_000)
        #expect(name(keys)[0] == 2, "a bad file changes nothing")
        try write(4)
        rotation.turn(now: 40_000)
        #expect(name(keys)[0] == 4)
    }
}
