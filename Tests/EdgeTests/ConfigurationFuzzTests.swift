// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Fuzzing
import Net
import Testing

@testable import Edge

/// Damaged configuration files: an error with a place in the file, or a configuration within its ranges.
@Suite struct ConfigurationFuzzTests {
    @Test func anErrorHasItsPlaceAndWhatIsTakenIsInRange() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        let file = root.deletingLastPathComponent().appendingPathComponent("edge.conf")
        // Without its comments, so that the damage meets what means something.
        let text = try String(contentsOf: file, encoding: .utf8).split(separator: "\n")
            .filter { !$0.drop { $0 == " " }.hasPrefix("#") }.joined(separator: "\n")
        let words = [
            "\n", "  ", ": ", "- ", "{", "}", "[", "]", "\"", "-1", "99999999999999999999", "1GiB", "null", "&a ", "*a",
        ]
        var good = 0
        var bad = 0
        let problem = Fuzzer(corpus: [Array(text.utf8)], words: words).run(iterations: 1_500) { input, _ in
            let damaged = String(decoding: input, as: UTF8.self)
            do {
                let found = try EdgeConfiguration(Configuration(text: damaged, file: "edge.conf"))
                good += 1
                return Self.mistake(in: found)
            } catch let error as ConfigurationError {
                bad += 1
                // A carriage return alone ends a line of YAML, too.
                let lines = input.count { $0 == 0x0A || $0 == 0x0D } + 1
                let isPlaced = error.problems.allSatisfy { (1...lines + 1).contains($0.line) && $0.column >= 1 }
                return isPlaced && !error.problems.isEmpty ? nil : "an error without a place: \(error)"
            } catch {
                return "another error: \(error)"
            }
        }
        #expect(problem == nil)
        #expect(good > 5 && bad > 50, "\(good) good, \(bad) bad")
    }

    private static func mistake(in found: EdgeConfiguration) -> String? {
        let limits = found.serverLimits
        let isInRange =
            (1...EdgeConfiguration.workersMax).contains(found.workers)
            && (1...1_000_000).contains(limits.connectionsMax)
            && (4096...65_536).contains(limits.headerBytesMax) && (1...1000).contains(limits.streamsMax)
            && (0...1_000_000).contains(limits.sendMinimumBytesPerSecond) && limits.idleTimeoutMilliseconds >= 100
            && found.objectBytesMax <= found.memoryBytes && !found.listen.isEmpty && !found.upstream.servers.isEmpty
        return isInRange ? nil : "taken, but out of range"
    }
}
