// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Cache

@Suite struct PurgeRecordTests {
    private func rule(_ kind: PurgeKind, _ value: String = "", soft: Bool = false) throws -> PurgeRule {
        try #require(PurgeRule(kind, Array(value.utf8), isSoft: soft))
    }

    private func filled() throws -> PurgeLedger {
        var ledger = PurgeLedger(generation: 1_000_000, rulesMax: 100)
        for index in 0..<20 {
            ledger.add(try rule(.url, "/u/\(index % 15)", soft: index % 3 == 0))
            ledger.add(try rule(.prefix, "/p/\(index)/"))
            ledger.add(try rule(.surrogateKey, "k/\(index)", soft: index % 2 == 0))
        }
        ledger.add(try rule(.everything, soft: true))
        return ledger
    }

    @Test func aLedgerComesBackAsItWas() throws {
        let ledger = try filled()
        let reading = try #require(PurgeRecord.decode(PurgeRecord.encode(ledger), rulesMax: 100))
        #expect(!reading.isDamaged)
        #expect(reading.ledger.entries == ledger.entries)
        #expect(reading.ledger.current == ledger.current)
        #expect(reading.ledger.floor == ledger.floor)
        #expect(reading.ledger.count == ledger.count)
        #expect(reading.goodBytes == PurgeRecord.encode(ledger).count)
    }

    /// Generations that replaced purges have used up are not given out again.
    @Test func theGenerationComesBackWithoutARuleThatHasIt() throws {
        var ledger = try filled()
        ledger.add(try rule(.everything))
        let reading = try #require(PurgeRecord.decode(PurgeRecord.encode(ledger), rulesMax: 100))
        #expect(reading.ledger.count == 0)
        #expect(reading.ledger.current == ledger.current)
        #expect(reading.ledger.floor == ledger.current)
    }

    @Test func whatIsAppendedFollows() throws {
        var ledger = try filled()
        var bytes = PurgeRecord.encode(ledger)
        let rules = [try rule(.url, "/x"), try rule(.surrogateKey, "y", soft: true)]
        bytes += PurgeRecord.encode(rules, firstGeneration: ledger.current + 1)
        for rule in rules { ledger.add(rule) }
        let reading = try #require(PurgeRecord.decode(bytes, rulesMax: 100))
        #expect(reading.ledger.entries == ledger.entries)
        #expect(reading.ledger.current == ledger.current)
    }

    /// A process that is killed leaves any beginning of what it was writing; power loss can leave zeros.
    @Test func aTornEndIsLeftOut() throws {
        let ledger = try filled()
        let whole = PurgeRecord.encode(ledger)
        let rules = [try rule(.url, "/x"), try rule(.url, "/y")]
        let more = PurgeRecord.encode(rules, firstGeneration: ledger.current + 1)
        for cut in 0..<PurgeRecord.byteCount {
            let reading = try #require(PurgeRecord.decode(whole + more[..<cut], rulesMax: 100))
            #expect(!reading.isDamaged)
            #expect(reading.goodBytes == whole.count)
            #expect(reading.ledger.entries == ledger.entries)
        }
        let zeros = try #require(
            PurgeRecord.decode(whole + [UInt8](repeating: 0, count: 4096), rulesMax: 100))
        #expect(!zeros.isDamaged)
        #expect(zeros.goodBytes == whole.count)
    }

    /// Any byte that is another one is noticed: the purges behind it are lost, and the reader says so.
    @Test func aWrongByteIsDamage() throws {
        let whole = PurgeRecord.encode(try filled())
        for index in PurgeRecord.heading.count + PurgeRecord.byteCount..<whole.count {
            var bytes = whole
            bytes[index] ^= 0x41
            #expect(try #require(PurgeRecord.decode(bytes, rulesMax: 100)).isDamaged, "byte \(index)")
        }
        for index in 0..<PurgeRecord.heading.count + PurgeRecord.byteCount {
            var bytes = whole
            bytes[index] ^= 0x41
            #expect(PurgeRecord.decode(bytes, rulesMax: 100) == nil, "byte \(index)")
        }
    }

    @Test func anotherFileIsNone() {
        #expect(PurgeRecord.decode([], rulesMax: 1) == nil)
        let text = String(repeating: "something else ", count: 10)
        #expect(PurgeRecord.decode(Array(text.utf8), rulesMax: 1) == nil)
        #expect(PurgeRecord.decode(PurgeRecord.heading, rulesMax: 1) == nil)
    }
}
