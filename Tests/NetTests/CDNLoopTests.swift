// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Net

@Suite struct CDNLoopTests {
    private let loop = CDNLoop(node: "edge-1")

    private func verdict(_ lines: [String]) -> String {
        switch loop.verdict(lines.map { Array($0.utf8) }) {
        case .passes(let field): String(decoding: field, as: UTF8.self)
        case .loops: "loops"
        }
    }

    @Test(arguments: [
        ([], "spillway-edge-1"), ([""], "spillway-edge-1"), (["other"], "other, spillway-edge-1"),
        (["a.example:80; x=y", "b"], "a.example:80; x=y, b, spillway-edge-1"),
        // Names that only look like ours.
        (["spillway-edge-10, xspillway-edge-1"], "spillway-edge-10, xspillway-edge-1, spillway-edge-1"),
        (["a; by=\"b, spillway-edge-1\""], "a; by=\"b, spillway-edge-1\", spillway-edge-1"),
        // Not in the grammar, and not to be hidden.
        (["???"], "???, spillway-edge-1"),
    ]) func othersArePassedOnWithUsBehindThem(lines: [String], field: String) {
        #expect(verdict(lines) == field)
    }

    @Test(arguments: [
        ["spillway-edge-1"], ["a, spillway-edge-1"], ["a", "b,spillway-edge-1;x=1 "], ["SPILLWAY-Edge-1"],
        ["a; by=\"\\\"\", spillway-edge-1"], [" spillway-edge-1 ; a"],
        // A quote that does not end would hide us in the next round.
        ["a; by=\"b"], ["a\u{1}"],
        [String(repeating: "a, ", count: 800)],
    ]) func ourselvesAreFound(lines: [String]) {
        #expect(verdict(lines) == "loops")
    }

    /// What one node passes on, it knows when it comes back, whatever was in front.
    @Test(arguments: ["", "x", "x; a=\"b\\\\\"", "\u{FF}", ",,", "a;b;c, d"]) func aRoundIsFound(first: String) {
        guard case .passes(let field) = loop.verdict([Array(first.utf8)]),
            case .passes(let next) = CDNLoop(node: "shield").verdict([field])
        else { return #expect(Bool(false), "it does not pass") }
        #expect(loop.verdict([next]) == .loops)
    }
}
