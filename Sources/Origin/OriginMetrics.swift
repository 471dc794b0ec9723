// SPDX-License-Identifier: Apache-2.0

import Synchronization

/// What the origin counts while it runs. Gauges of the catalog and the queue are asked of the database instead.
final class OriginMetrics: Sendable {
    /// The three listeners, as the label `listener` names them.
    enum Listener: String, CaseIterable {
        case api, s3, delivery
    }

    private let uploadedBytes = Atomic<Int>(0)
    private let deliveredBytes = Atomic<Int>(0)
    private let eventStreams = Atomic<Int>(0)
    private let purgesConfirmed = Atomic<Int>(0)
    private let purgesFailed = Atomic<Int>(0)
    /// Requests by listener and the first digit of the status.
    private let requests = Mutex<[String: [Int: Int]]>([:])

    func countRequest(_ listener: Listener, status: Int) {
        requests.withLock { $0[listener.rawValue, default: [:]][status / 100, default: 0] += 1 }
    }

    func countUploaded(bytes: Int64) { uploadedBytes.add(Int(bytes), ordering: .relaxed) }

    func countDelivered(bytes: Int64) { deliveredBytes.add(Int(bytes), ordering: .relaxed) }

    func setEventStreams(_ count: Int) { eventStreams.store(count, ordering: .relaxed) }

    /// Purges that a node confirmed, and attempts that it did not.
    func countPurges(confirmed: Int = 0, failed: Int = 0) {
        purgesConfirmed.add(confirmed, ordering: .relaxed)
        purgesFailed.add(failed, ordering: .relaxed)
    }

    /// The counters in the text format of Prometheus.
    var text: String {
        var lines = ["# TYPE spillway_origin_requests_total counter"]
        let counted = requests.withLock { $0 }
        for (listener, classes) in counted.sorted(by: { $0.key < $1.key }) {
            for (digit, count) in classes.sorted(by: { $0.key < $1.key }) {
                lines.append("spillway_origin_requests_total{listener=\"\(listener)\",status=\"\(digit)xx\"} \(count)")
            }
        }
        let plain: [(name: String, type: String, value: Int)] = [
            ("spillway_origin_uploaded_bytes_total", "counter", uploadedBytes.load(ordering: .relaxed)),
            ("spillway_origin_delivered_bytes_total", "counter", deliveredBytes.load(ordering: .relaxed)),
            ("spillway_origin_event_streams", "gauge", eventStreams.load(ordering: .relaxed)),
            ("spillway_origin_purges_confirmed_total", "counter", purgesConfirmed.load(ordering: .relaxed)),
            ("spillway_origin_purge_attempts_failed_total", "counter", purgesFailed.load(ordering: .relaxed)),
        ]
        for metric in plain {
            lines.append("# TYPE \(metric.name) \(metric.type)")
            lines.append("\(metric.name) \(metric.value)")
        }
        return lines.joined(separator: "\n") + "\n"
    }
}
