// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Edge

@Suite struct DiskRecordTests {
    /// The values are those of the reference implementation.
    @Test(
        arguments: [
            (0, 0xEF46_DB37_51D8_E999), (13, 0x13D1_7C4C_7797_23A8), (32, 0xCBF5_9C51_16FF_32B4),
            (1000, 0xF306_F04A_A88B_54D3), (262_144, 0x9C0E_07EF_DEC4_7F7B),
        ] as [(Int, UInt64)])
    func theChecksumIsXXH64(count: Int, expected: UInt64) {
        let bytes = (0..<count).map { UInt8($0 % 251) }
        #expect(bytes.withUnsafeBytes { XXHash64.checksum($0) } == expected)
    }

    @Test func aSetKnowsWhatIsInIt() {
        var set = SliceSet(count: 130)
        for index in [0, 63, 64, 129] { set.insert(index) }
        #expect((-1...130).filter { set.contains($0) } == [0, 63, 64, 129])
        #expect(set.presentCount == 4 && !set.isComplete)
        #expect(SliceSet(count: 3, words: [.max]).isComplete, "bits behind the last slice do not count")
        #expect(SliceSet(count: 0).isComplete)
    }

    private var record: DiskObjectRecord {
        var record = DiskObjectRecord(
            version: 7, sequence: 9, length: 70 * DiskSlice.byteCount - 1, key: Array("/a".utf8),
            head: Array("head".utf8))
        record.present.insert(69)
        record.checksums[69] = 0xABCD
        return record
    }

    @Test func aRecordIsReadAsItWasWritten() {
        let bytes = record.encoded
        #expect(bytes.count == record.byteCount)
        #expect(bytes.withUnsafeBytes { DiskObjectRecord($0) } == record)
        let entry = DiskIndexRecord(version: 1, sequence: 2, freshUntilSeconds: 3, pages: 4, isComplete: true)
        #expect(entry.encoded.withUnsafeBytes { DiskIndexRecord($0) } == entry)
    }

    @Test func aDamagedRecordIsNone() {
        let bytes = record.encoded
        for position in stride(from: 0, to: bytes.count, by: 3) {
            var damaged = bytes
            damaged[position] ^= 0x10
            #expect(damaged.withUnsafeBytes { DiskObjectRecord($0) } == nil)
            #expect(bytes[..<position].withUnsafeBytes { DiskObjectRecord($0) } == nil)
        }
    }

    /// A record whose checksum is right may still be of another program: its numbers must not be believed.
    @Test func numbersThatDoNotFitAreRefused() {
        for (offset, value) in [(24, UInt64.max), (24, 1 << 50), (32, .max), (32, 1 << 31), (24, 0)] {
            var bytes = record.encoded
            withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<offset + 8, with: $0) }
            let checksum = bytes.withUnsafeBytes { XXHash64.checksum($0.part(8..<$0.count)) }
            withUnsafeBytes(of: checksum) { bytes.replaceSubrange(0..<8, with: $0) }
            #expect(bytes.withUnsafeBytes { DiskObjectRecord($0) } == nil)
        }
    }
}
