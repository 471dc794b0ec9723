// SPDX-License-Identifier: Apache-2.0

import Cache
import Testing

@testable import Edge

@Suite struct DiskVariantsTests {
    private let key = CacheKey(bytes: Array("/a".utf8), hashValue64: 1)

    private func rule(_ names: String) throws -> VaryRule {
        guard case .selecting(let rule) = VaryRule.parse([Array(names.utf8)]) else { throw Missing() }
        return rule
    }

    private struct Missing: Error {}

    @Test func aRecordComesBackAsItWas() throws {
        let record = DiskVaryRecord(rule: try rule("Cookie, Accept-Language"), epoch: 0xFEDC_BA98_7654_3210)
        #expect(DiskVaryRecord(record.bytes) == record)
        for count in 0..<record.bytes.count { #expect(DiskVaryRecord(Array(record.bytes[..<count])) == nil) }
        #expect(DiskVaryRecord(record.bytes + [0]) == nil)
        // The head of a response is none, nor is a record one.
        #expect(DiskHead(record.bytes) == nil)
    }

    @Test func variantsAreFoundByTheRecordInForceAlone() throws {
        var variants = DiskVariants()
        let language = try rule("accept-language")
        let variant = VariantKey([1, 2, 3])
        #expect(variants.record(of: key) == nil)
        let first = variants.record(of: key, rule: language)
        #expect(variants.record(of: key, rule: language) == first, "each variant of one rule has the same record")
        variants.forget(key)
        let second = variants.record(of: key, rule: language)
        #expect(first.key(of: variant, under: key) != second.key(of: variant, under: key), "what was invalidated")
        #expect(variants.learn(first, of: key) == second, "what is read is older than what was made")
        let other = variants.record(of: key, rule: try rule("cookie"))
        #expect(other.epoch != second.epoch, "another rule has other variants")
        var fresh = DiskVariants()
        #expect(fresh.learn(first, of: key) == first)
        #expect(fresh.record(of: key, rule: language) == first, "and more variants are stored beside them")
    }

    @Test func keysOfVariantsAreNoKeysOfTargets() throws {
        let record = DiskVaryRecord(rule: try rule("cookie"), epoch: 7)
        #expect(record.key(of: .independent, under: key).contains(0))
    }
}
