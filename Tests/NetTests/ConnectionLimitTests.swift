// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

@testable import Net

private func peer(_ text: String) -> sockaddr_storage {
    var storage = sockaddr_storage()
    withUnsafeMutableBytes(of: &storage) { bytes in
        var v4 = in_addr()
        var v6 = in6_addr()
        if inet_pton(AF_INET, text, &v4) == 1 {
            bytes.storeBytes(of: UInt16(AF_INET), as: UInt16.self)
            withUnsafeBytes(of: v4) {
                bytes.baseAddress!.advanced(by: 4).copyMemory(from: $0.baseAddress!, byteCount: 4)
            }
        } else if inet_pton(AF_INET6, text, &v6) == 1 {
            bytes.storeBytes(of: UInt16(AF_INET6), as: UInt16.self)
            withUnsafeBytes(of: v6) {
                bytes.baseAddress!.advanced(by: 8).copyMemory(from: $0.baseAddress!, byteCount: 16)
            }
        }
    }
    return storage
}

@Suite struct AddressTableTests {
    @Test func oneClientIsAnIPv4AddressOrAnIPv6Network() {
        #expect(ClientAddress(peer("192.0.2.1")) == ClientAddress(peer("192.0.2.1")))
        #expect(ClientAddress(peer("192.0.2.1")) != ClientAddress(peer("192.0.2.2")))
        #expect(ClientAddress(peer("2001:db8:1:2::1")) == ClientAddress(peer("2001:db8:1:2:ffff:1:2:3")))
        #expect(ClientAddress(peer("2001:db8:1:2::1")) != ClientAddress(peer("2001:db8:1:3::1")))
        #expect(ClientAddress(peer("::ffff:192.0.2.1")) == ClientAddress(peer("192.0.2.1")))
        #expect(ClientAddress(peer("::ffff:192.0.2.1")) != ClientAddress(peer("::ffff:192.0.2.2")))
        #expect(ClientAddress(sockaddr_storage()) == nil)
    }

    @Test func theLimitHoldsAndAnAddressIsForgottenWithItsLastConnection() throws {
        let table = AddressTable(connectionsMax: 2)
        let first = try #require(ClientAddress(peer("192.0.2.1")))
        let second = try #require(ClientAddress(peer("192.0.2.2")))
        #expect(table.enter(first) && table.enter(first) && !table.enter(first))
        #expect(table.enter(second))
        table.leave(first)
        #expect(table.enter(first) && !table.enter(first))
        for _ in 0..<2 { table.leave(first) }
        #expect(table.count == 1)
        table.leave(second)
        table.leave(second)
        #expect(table.count == 0)
    }

    @Test func addressesWithoutConnectionsTakeNoRoom() {
        let table = AddressTable(connectionsMax: 1)
        for number in 0..<100_000 {
            let address = ClientAddress(isIPv6: true, value: UInt64(number))
            #expect(table.enter(address))
            table.leave(address)
        }
        #expect(table.count == 0)
    }
}

@Suite struct RateWindowTests {
    /// The second at which a reader that takes `bytesPerSecond` is found too slow, nil for never in 100 s.
    private func judged(_ bytesPerSecond: Int, waiting: (Int) -> Bool = { _ in true }) -> Int? {
        var window = RateWindow()
        for second in 0..<100 {
            let isSlow = window.isTooSlow(
                nowMilliseconds: Int64(second) * 1000, sentBytes: second * bytesPerSecond, isWaiting: waiting(second),
                windowMilliseconds: 30_000, bytesPerSecond: 500)
            if isSlow { return second }
        }
        return nil
    }

    @Test func onlyAWholeWindowBelowTheRateIsTooSlow() {
        #expect(judged(1) == 30)
        #expect(judged(499) == 30)
        #expect(judged(500) == nil)
        // The output was empty once in every 30 s: the reader has taken all that there was.
        #expect(judged(1, waiting: { $0 % 30 != 0 }) == nil)
        #expect(judged(1, waiting: { $0 > 50 }) == 81)
    }

    @Test func zeroIsNoLimit() {
        var window = RateWindow()
        for second in 0..<100 {
            let isSlow = window.isTooSlow(
                nowMilliseconds: Int64(second) * 1000, sentBytes: 0, isWaiting: true, windowMilliseconds: 1000,
                bytesPerSecond: 0)
            #expect(!isSlow)
        }
    }
}
