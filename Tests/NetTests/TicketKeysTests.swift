// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Testing

@testable import Net

@Suite struct TicketKeysTests {
    private let long = (0..<80).map { UInt8($0) }
    private let short = (100..<148).map { UInt8($0) }

    private func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    private func problems(_ text: String) -> [String] {
        do {
            _ = try TicketKey.parse(Array(text.utf8), file: "keys")
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    /// nginx: name, HMAC key and AES key of 16, 32 and 32 bytes; or name, AES key and HMAC key of 16 each.
    @Test func thePartsLieAsInNginx() throws {
        let one = try #require(TicketKey(long))
        #expect(Array(one.name) == Array(0..<16))
        #expect(Array(one.macKey) == Array(16..<48))
        #expect(Array(one.cipherKey) == Array(48..<80))
        #expect(one.usesAES256)
        let two = try #require(TicketKey(short))
        #expect(Array(two.name) == Array(100..<116))
        #expect(Array(two.cipherKey) == Array(116..<132))
        #expect(Array(two.macKey) == Array(132..<148))
        #expect(!two.usesAES256)
        #expect(TicketKey(Array(long.dropLast())) == nil)
    }

    @Test func aFileHoldsKeysNewestFirst() throws {
        let text = "# tickets\n\n\(hexadecimal(long).uppercased())  # newest\r\n \(hexadecimal(short))\n"
        let keys = try TicketKey.parse(Array(text.utf8), file: "keys")
        #expect(keys.map { Array($0.name) } == [Array(0..<16), Array(100..<116)])
    }

    @Test func mistakesAreNamedByLine() {
        #expect(problems("") == ["keys:1:1: holds 0 keys; 1 to 8 are allowed"])
        let good = hexadecimal(long)
        #expect(problems("\(good)\n\(good.dropLast())\n").first?.hasPrefix("keys:2:1: is not a ticket key") == true)
        #expect(problems("\(good)\n\(good.dropLast())x\n").first?.hasPrefix("keys:2:1: is not a ticket key") == true)
        #expect(problems("+1" + good.dropFirst(2)).first?.hasPrefix("keys:1:1: is not a ticket key") == true)
        #expect(problems("\(good)\n\(good)\n") == ["keys:1:1: holds two keys with the same first 16 bytes"])
        let many = (0..<9).map { hexadecimal([UInt8($0)] + long.dropFirst()) }.joined(separator: "\n")
        #expect(problems(many) == ["keys:1:1: holds 9 keys; 1 to 8 are allowed"])
    }

    @Test func aRotationKeepsTheKeyBefore() throws {
        let keys = try TicketKeys()
        let first = Array(keys.newest.name)
        #expect(first.withUnsafeBufferPointer { keys.find(name: $0.baseAddress!)?.isNewest } == true)
        try keys.rotate()
        let second = Array(keys.newest.name)
        #expect(first.withUnsafeBufferPointer { keys.find(name: $0.baseAddress!)?.isNewest } == false)
        try keys.rotate()
        #expect(first.withUnsafeBufferPointer { keys.find(name: $0.baseAddress!) == nil })
        #expect(second.withUnsafeBufferPointer { keys.find(name: $0.baseAddress!)?.isNewest } == false)
        #expect(Set([first, second, Array(keys.newest.name)]).count == 3)
    }
}
