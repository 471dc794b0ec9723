// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

private func bytes(_ hex: String) -> [UInt8] {
    let digits = hex.filter { !$0.isWhitespace }.map { UInt8(String($0), radix: 16)! }
    return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}

private func seal(
    _ protection: RecordProtection, _ first: [UInt8], _ second: [UInt8] = [],
    type: RecordProtection.ContentType = .applicationData
) -> [UInt8] {
    var record = [UInt8](repeating: 0, count: first.count + second.count + RecordProtection.overheadBytes)
    let count = record.withUnsafeMutableBytes { record in
        first.withUnsafeBytes { first in
            second.withUnsafeBytes { protection.seal(first, $0, type: type, into: record.baseAddress!) }
        }
    }
    return Array(record[..<count])
}

@Suite struct RecordProtectionTests {
    /// RFC 8448 section 3: the server's application data is its second record under this secret, after a ticket.
    private let secret = bytes(
        """
        a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 16 43
        """)
    private let record = bytes(
        """
        17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 e3 0e fa f9
        7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 0d d0 32 e1 67 c2 95 5d
        """)

    @Test func theRecordOfTheStandardsExample() throws {
        let protection = try #require(RecordProtection(suite: .aes128GCM, secret: secret, recordsSent: 1))
        #expect(seal(protection, (0..<50).map { UInt8($0) }) == record)
    }

    @Test(arguments: 0...50)
    func itDoesNotMatterHowTheContentIsCut(cut: Int) throws {
        let protection = try #require(RecordProtection(suite: .aes128GCM, secret: secret, recordsSent: 1))
        let content = (0..<50).map { UInt8($0) }
        #expect(seal(protection, Array(content[..<cut]), Array(content[cut...])) == record)
    }

    @Test func eachRecordHasItsOwnNonceAndEachKeyItsOwnRecords() throws {
        for (suite, secretBytes) in [(CipherSuite.aes128GCM, 32), (.aes256GCM, 48), (.chacha20Poly1305, 32)] {
            let secret = [UInt8](repeating: 7, count: secretBytes)
            let protection = try #require(RecordProtection(suite: suite, secret: secret, recordsSent: 0))
            let content = Array("the same content".utf8)
            var seen: Set<[UInt8]> = []
            for _ in 0..<3 {
                for _ in 0..<4 { #expect(seen.insert(seal(protection, content)).inserted) }
                let isChanged = protection.changeKey()
                #expect(isChanged)
            }
            // The type of the content shows in no byte of the header, but it is protected.
            #expect(seal(protection, content, type: .alert).prefix(5) == seal(protection, content).prefix(5))
        }
    }

    @Test func aSecretOfTheWrongSizeIsRefused() {
        #expect(RecordProtection(suite: .aes256GCM, secret: secret, recordsSent: 0) == nil)
    }

    @Test func aKeyIsUsedForALimitedNumberOfRecords() throws {
        let protection = try #require(RecordProtection(suite: .aes128GCM, secret: secret, recordsSent: (1 << 24) - 1))
        #expect(!protection.needsNewKey)
        _ = seal(protection, [1])
        #expect(protection.needsNewKey)
    }
}
