// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

@Suite struct ServerNamesTests {
    private static let ecdsa: Int32 = 408
    private static let rsa: Int32 = 6

    private func entry(_ names: String..., kind: Int32 = ecdsa) -> ServerNames.Entry {
        .init(names: names, keyKind: kind)
    }

    /// The certificates that answer for a host; nil when its name is unknown.
    private func members(_ names: ServerNames, _ host: String) -> [Int]? {
        Array(host.utf8).withUnsafeBufferPointer { names.group(for: $0) }.map { names.groups[$0] }
    }

    @Test func anExactNameGoesBeforeAWildcard() {
        let names = ServerNames([entry("*.example.org"), entry("live.example.org"), entry("other.example")])
        #expect(members(names, "live.example.org") == [1])
        #expect(members(names, "vod.example.org") == [0])
        #expect(members(names, "other.example") == [2])
    }

    @Test func aWildcardStandsForOneWholeLabel() {
        let names = ServerNames([entry("first.example"), entry("*.example.org")])
        #expect(members(names, "a.example.org") == [1])
        #expect(members(names, "a.b.example.org") == nil)
        #expect(members(names, "example.org") == nil)
        #expect(members(names, ".example.org") == nil)
        #expect(members(names, "axexample.org") == nil)
        #expect(members(names, "") == nil)
        #expect(members(names, ".") == nil)
    }

    @Test func namesAreComparedWithoutCaseAndFinalDot() {
        let names = ServerNames([entry("first.example"), entry("live.example.org"), entry("*.example.net")])
        #expect(members(names, "LIVE.Example.Org") == [1])
        #expect(members(names, "live.example.org.") == [1])
        #expect(members(names, "A.EXAMPLE.NET.") == [2])
        #expect(members(names, "live.example.org..") == nil)
    }

    @Test func keysOfTwoKindsFormAGroup() {
        let names = ServerNames([
            entry("a.example", "b.example"), entry("b.example", "a.example", kind: Self.rsa),
            entry("b.example", kind: Self.rsa),
        ])
        #expect(names.groups[ServerNames.defaultGroup] == [0, 1])
        #expect(members(names, "a.example") == [0, 1])
        // The first RSA certificate counts; the third is never given to anybody.
        #expect(members(names, "b.example") == [0, 1])
        #expect(names.unused == [2])
    }

    @Test func aWildcardFillsInTheKindThatAnExactNameLacks() {
        let names = ServerNames([
            entry("live.example.org"), entry("*.example.org", kind: Self.rsa), entry("*.example.org"),
        ])
        #expect(members(names, "live.example.org") == [0, 1])
        #expect(members(names, "vod.example.org") == [1, 2])
        #expect(names.unused.isEmpty)
    }

    @Test func theFirstIsTheDefaultEvenWithoutNames() {
        let names = ServerNames([entry(), entry("a.example"), entry()])
        #expect(names.groups[ServerNames.defaultGroup] == [0])
        #expect(members(names, "a.example") == [1])
        #expect(names.unused == [2])
    }
}
