// SPDX-License-Identifier: Apache-2.0

/// What came of a spike, as numbers and as a table.
struct SpikeReport {
    let clients: Int
    /// Answers that were whole with status 200.
    let whole: Int
    /// Different bodies among the whole answers.
    let distinctBodies: Int
    let failures: [String: Int]
    private let firstBytes: [Int64]
    private let lastBytes: [Int64]
    private let bodyBytes: Int

    init(answers: [Answer]) {
        clients = answers.count
        let good = answers.filter { $0.status == 200 && $0.lastByteMicroseconds != nil }
        whole = good.count
        distinctBodies = Set(good.map { "\($0.bytes) \($0.checksum)" }).count
        bodyBytes = good.first?.bytes ?? 0
        firstBytes = good.compactMap(\.firstByteMicroseconds).sorted()
        lastBytes = good.compactMap(\.lastByteMicroseconds).sorted()
        var failures: [String: Int] = [:]
        for answer in answers where answer.status != 200 || answer.lastByteMicroseconds == nil {
            let reason =
                answer.failure.map { "\($0)" } ?? (answer.status == 0 ? "no answer in time" : "status \(answer.status)")
            failures[reason, default: 0] += 1
        }
        self.failures = failures
    }

    var isGood: Bool { whole == clients && distinctBodies == 1 }

    var table: String {
        var lines = [
            "clients            \(clients)",
            "whole answers      \(whole)",
            "different bodies   \(distinctBodies)",
            "body bytes         \(bodyBytes)",
            "first byte, ms     \(row(firstBytes))",
            "last byte, ms      \(row(lastBytes))",
        ]
        for (reason, count) in failures.sorted(by: { $0.key < $1.key }) {
            lines.append("failed             \(count) x \(reason)")
        }
        return lines.joined(separator: "\n")
    }

    private func row(_ sorted: [Int64]) -> String {
        guard let last = sorted.last, let first = sorted.first else { return "-" }
        func milliseconds(_ microseconds: Int64) -> String {
            let tenths = (microseconds + 50) / 100
            return "\(tenths / 10).\(tenths % 10)"
        }
        func percentile(_ percent: Int) -> String { milliseconds(sorted[(sorted.count - 1) * percent / 100]) }
        return "min \(milliseconds(first))  p50 \(percentile(50))  p95 \(percentile(95))  p99 \(percentile(99))  "
            + "max \(milliseconds(last))"
    }
}
