// SPDX-License-Identifier: Apache-2.0

/// Values of the edge's `/metrics`: Prometheus' text format, version 0.0.4.
struct MetricsText: Equatable {
    private let values: [Substring: Int]

    /// Keeps the lines `name value` with whole numbers; those with labels and comments are left out.
    init(_ text: String) {
        var values: [Substring: Int] = [:]
        for line in text.split(whereSeparator: \.isNewline) where !line.hasPrefix("#") && !line.contains("{") {
            let words = line.split(separator: " ")
            if words.count == 2, let value = Int(words[1]) { values[words[0]] = value }
        }
        self.values = values
    }

    /// Throws when there is no such metric: another name must not pass for 0.
    func value(_ name: String) throws -> Int {
        guard let value = values[name[...]] else { throw BenchError("the edge has no metric \(name)") }
        return value
    }
}

/// The counters that tell where responses came from.
struct DiskCounts: Equatable {
    var reads = 0
    var bytesRead = 0
    var memoryHits = 0
    var upstreamRequests = 0
    var objects = 0

    init(_ metrics: MetricsText) throws {
        reads = try metrics.value("spillway_cache_disk_reads_total")
        bytesRead = try metrics.value("spillway_cache_disk_read_bytes_total")
        memoryHits = try metrics.value("spillway_cache_hits_total")
        upstreamRequests = try metrics.value("spillway_upstream_requests_total")
        objects = try metrics.value("spillway_cache_disk_objects")
    }

    /// Says what was not as it should be since `before`, after so many whole responses; nil when all came from the disk, or
    /// all from memory.
    func fault(since before: DiskCounts, responses: Int, from source: DiskEdge.Source) -> String? {
        let bytes = bytesRead - before.bytesRead
        let hits = memoryHits - before.memoryHits
        guard upstreamRequests == before.upstreamRequests else {
            return "the upstream was asked \(upstreamRequests - before.upstreamRequests) times"
        }
        switch source {
        case .memory:
            guard bytes == 0, hits == responses else { return "\(hits) of \(responses) were hits in memory" }
        case .disk:
            guard bytes == responses * DiskObjects.bodyBytes, hits == 0 else {
                return "\(bytes) bytes were read for \(responses) responses, and \(hits) were hits in memory"
            }
        }
        return nil
    }
}
