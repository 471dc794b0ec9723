// SPDX-License-Identifier: Apache-2.0

/// First-byte times of a walk without and with prefetch, as a table.
struct WalkReport {
    private let plan: WalkPlan
    private(set) var table = Table(
        ["prefetch", "segment", "answers", "p50 ms", "p95 ms", "p99 ms", "max ms", "origin requests"], wordColumns: 2)
    private(set) var isGood = true
    private var wrong = 0

    init(_ plan: WalkPlan) { self.plan = plan }

    /// Adds what came of one walk; `ahead` is 0 for none.
    mutating func add(ahead: Int, _ times: Walk.Times, originRequests: Int) {
        let name = ahead == 0 ? "off" : "\(ahead) ahead"
        addRow([name, "first"], times.first, requests: "")
        addRow([name, "later"], times.later, requests: "\(originRequests)")
        wrong += times.wrong
        // Each object is fetched once, whoever asks for it first.
        isGood = isGood && times.wrong == 0 && originRequests == plan.viewers * (plan.segments + 1)
    }

    private mutating func addRow(_ words: [String], _ times: [Int64], requests: String) {
        let sorted = times.sorted()
        func milliseconds(_ percent: Int) -> String {
            guard !sorted.isEmpty else { return "-" }
            return decimal(Double(sorted[(sorted.count - 1) * percent / 100]) / 1000, 1)
        }
        table.rows.append(words + ["\(times.count)"] + [50, 95, 99, 100].map { milliseconds($0) } + [requests])
    }

    var text: String {
        let heading =
            "\(plan.viewers) viewers, \(plan.segments) segments of \(plan.segmentBytes) bytes, the origin waits "
            + "\(plan.originMilliseconds) ms, a viewer \(plan.thinkMilliseconds) ms; time to the first byte"
        return "\(heading)\n\n\(table.plain)" + (wrong > 0 ? "\n\n\(wrong) answers were wrong" : "")
    }
}
