// SPDX-License-Identifier: Apache-2.0

import Backends

/// The queue in the text format of Prometheus: what an operator watches, and what starts and stops workers elsewhere.
func queueText(_ figures: QueueFigures) -> String {
    var text = "# TYPE spillway_jobs gauge\n"
    for phase in JobState.Phase.allCases {
        text += "spillway_jobs{phase=\"\(phase.rawValue)\"} \(figures.jobs[phase] ?? 0)\n"
    }
    text += "# TYPE spillway_job_parts gauge\n"
    for kind in PartKind.allCases {
        for phase in [PartState.Phase.waiting, .queued, .leased] {
            let count = figures.parts[kind]?[phase] ?? 0
            text += "spillway_job_parts{kind=\"\(kind.rawValue)\",phase=\"\(phase.rawValue)\"} \(count)\n"
        }
    }
    let seconds = figures.videoSecondsWaiting.isFinite ? figures.videoSecondsWaiting : 0
    let gauges: [(name: String, value: String)] = [
        ("spillway_job_parts_due", "\(figures.due)"),
        ("spillway_job_parts_leased", "\(figures.leased)"),
        ("spillway_job_oldest_due_seconds", "\(Double(figures.oldestMilliseconds) / 1000)"),
        ("spillway_job_video_waiting_seconds", "\((seconds * 10).rounded() / 10)"),
    ]
    for (name, value) in gauges { text += "# TYPE \(name) gauge\n\(name) \(value)\n" }
    let counters: [(name: String, counter: String)] = [
        ("spillway_job_leases_total", "leases"), ("spillway_job_retries_total", "retries"),
        ("spillway_job_leases_silent_total", "silent"), ("spillway_jobs_set_aside_total", "set_aside"),
        ("spillway_jobs_cancelled_total", "cancelled"),
    ]
    for (name, counter) in counters {
        text += "# TYPE \(name) counter\n\(name) \(figures.counters[counter] ?? 0)\n"
    }
    text += "# TYPE spillway_job_part_outcomes_total counter\n"
    let prefix = "failed_"
    for (name, value) in figures.counters.sorted(by: { $0.key < $1.key }) where name == "done" || name.hasPrefix(prefix)
    {
        let outcome = name.hasPrefix(prefix) ? String(name.dropFirst(prefix.count)) : name
        text += "spillway_job_part_outcomes_total{outcome=\"\(outcome)\"} \(value)\n"
    }
    return text
}
