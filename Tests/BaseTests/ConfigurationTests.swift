// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Base

@Suite struct ConfigurationTests {
    private func problems(_ text: String, _ read: (ConfigurationSection) -> Void) -> [String] {
        do {
            let configuration = try Configuration(text: text, file: "x.conf")
            read(configuration.root)
            try configuration.finish()
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test func goodValuesAreRead() throws {
        let configuration = try Configuration(
            text: "a: 7\nb: 64MiB\nc: on\nd: [x, y]\ne: {f: 127.0.0.1:80}\n", file: "x.conf")
        let root: ConfigurationSection = configuration.root
        #expect(root.integer("a", default: 1, in: 1...9) == 7)
        #expect(root.bytes("b", default: 0, in: 0...1 << 30) == 64 << 20)
        #expect(root.boolean("c", default: false))
        #expect(root.strings("d") == ["x", "y"])
        #expect(root.section("e").endpoint("f") == Endpoint(address: "127.0.0.1", port: 80))
        try configuration.finish()
    }

    @Test func aMistakeNamesItsPlaceAndWhatIsAllowed() {
        let found = problems("a: 1\ncache:\n  size: 99\n") { root in
            _ = root.integer("a", default: 0, in: 0...5)
            _ = root.section("cache").integer("size", default: 1, in: 1...10)
        }
        #expect(found == ["x.conf:3:9: cache.size: is `99`; a whole number from 1 to 10 is allowed"])
    }

    @Test func aMisspeltKeyIsAnError() {
        let found = problems("workres: 2\n") { _ = $0.integer("workers", default: 1, in: 1...9) }
        #expect(found == ["x.conf:1:1: workres: is not a known key; allowed here: workers"])
    }

    @Test func allMistakesAreReportedInTheOrderOfTheirLines() {
        let found = problems("b: maybe\na: x\n") { root in
            _ = root.integer("a", default: 1, in: 1...9)
            _ = root.boolean("b", default: true)
        }
        #expect(found.count == 2)
        #expect(found[0].hasPrefix("x.conf:1:4: b:"))
        #expect(found[1].hasPrefix("x.conf:2:4: a:"))
    }

    @Test func brokenYAMLHasAPlace() {
        let found = problems("a: [1, 2\n") { _ in }
        #expect(found.count == 1)
        #expect(found[0].contains("is not YAML"))
    }

    @Test(arguments: ["- 1\n", "just text\n"]) func aFileThatIsNoMappingIsRefused(text: String) {
        #expect(problems(text) { _ in }.count == 1)
    }

    @Test func anEmptyFileGivesDefaults() {
        var value = 0
        let found = problems("") { value = $0.integer("a", default: 3, in: 1...9) }
        #expect(found == [])
        #expect(value == 3)
    }
}

@Suite struct UnitsTests {
    @Test(arguments: [
        ("0", 0), ("4096", 4096), ("64KiB", 65536), ("1 MiB", 1 << 20), ("2GiB", 2 << 30), ("1TiB", 1 << 40),
    ])
    func byteCounts(text: String, bytes: Int) {
        #expect(parseByteCount(text) == bytes)
    }

    @Test(arguments: ["", "-1", "1.5MiB", "9999999999999TiB", "12kb", "MiB", "0x10"])
    func whatIsNoByteCount(text: String) {
        #expect(parseByteCount(text) == nil)
    }

    @Test(arguments: [0, 1000, 1024, 3 << 20, 5 << 30]) func formattingIsExact(bytes: Int) {
        #expect(parseByteCount(formatByteCount(bytes)) == bytes)
    }

    @Test(arguments: ["127.0.0.1:80", "[::1]:8443", "[fe80::1]:1"]) func endpointsComeBack(text: String) {
        #expect(Endpoint(text)?.description == text)
    }

    @Test(arguments: [
        "", "80", "localhost:80", "127.0.0.1", "127.0.0.1:70000", "::1:80", "[g::]:1", "1.2.3:4", "1.2.3.256:1",
    ])
    func whatIsNoEndpoint(text: String) {
        #expect(Endpoint(text) == nil)
    }

    @Test func timestampsAreRFC3339() {
        #expect(formatTimestamp(seconds: 0, milliseconds: 0) == "1970-01-01T00:00:00.000Z")
        #expect(formatTimestamp(seconds: 951_782_399, milliseconds: 7) == "2000-02-28T23:59:59.007Z")
        #expect(formatTimestamp(seconds: 951_782_400, milliseconds: 0) == "2000-02-29T00:00:00.000Z")
        #expect(formatTimestamp(seconds: 1_798_761_599, milliseconds: 999) == "2026-12-31T23:59:59.999Z")
    }

    @Test func jsonStringsAreEscaped() {
        #expect(jsonString("a\"b\\c\nd\u{1}é") == "\"a\\\"b\\\\c\\nd\\u0001é\"")
    }
}
