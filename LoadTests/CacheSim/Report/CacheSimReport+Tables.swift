// SPDX-License-Identifier: Apache-2.0

import Cache

extension CacheSimReport {
    /// Hit ratio and byte hit ratio of each policy, in percent, by trace and size; then the means.
    var ratioTable: Table {
        let columns = policies.map { $0.rawValue + " hits" } + policies.map { $0.rawValue + " bytes" }
        var table = Table(["trace", "size", "MiB"] + columns, wordColumns: 2)
        for trace in traces {
            for size in trace.sizes {
                let counts = policies.map { size.counts[$0.rawValue] ?? HitCount() }
                table.rows.append(
                    [trace.name, size.size, Self.mebibytes(size.bytes)] + counts.map { Self.percent($0.hitRatio) }
                        + counts.map { Self.percent($0.byteHitRatio) })
            }
            let most = [Self.percent(trace.unlimited.hitRatio), Self.percent(trace.unlimited.byteHitRatio)]
            table.rows.append(
                [trace.name, "all", Self.mebibytes(trace.footprintBytes)]
                    + most.flatMap { Array(repeating: $0, count: policies.count) })
        }
        let means = [\HitCount.hitRatio, \HitCount.byteHitRatio].flatMap { ratio in
            policies.map { Self.percent(mean($0, ratio) ?? 0) }
        }
        table.rows.append(["mean", "without all", ""] + means)
        return table
    }

    /// Nil when no disk was simulated.
    var diskTable: Table? {
        var table = Table(
            [
                "trace", "memory", "disk MiB", "all: bytes hit", "GiB written", "second: bytes hit", "GiB written",
                "of all",
            ], wordColumns: 2)
        for trace in traces {
            for size in trace.sizes {
                guard let disk = size.disk else { continue }
                let ratio = Double(disk.atSecond.writtenBytes) / Double(max(1, disk.everything.writtenBytes))
                table.rows.append([
                    trace.name, size.size, Self.mebibytes(disk.bytes),
                    Self.percent(disk.everything.count.byteHitRatio), Self.gibibytes(disk.everything.writtenBytes),
                    Self.percent(disk.atSecond.count.byteHitRatio), Self.gibibytes(disk.atSecond.writtenBytes),
                    decimal(ratio, 2),
                ])
            }
        }
        return table.rows.isEmpty ? nil : table
    }

    /// For a terminal.
    var plain: String {
        let lines = traces.map {
            "\($0.name): \($0.requests) requests for \($0.objects) objects, \(Self.mebibytes($0.footprintBytes)) MiB"
        }
        var parts = [lines.joined(separator: "\n"), "Hit ratio and byte hit ratio in percent:\n" + ratioTable.plain]
        if let diskTable {
            parts.append(
                "A disk behind that memory that gets all objects, or those asked for twice; its byte hit ratio:\n"
                    + diskTable.plain)
        }
        if let winner {
            let means = policies.map { "\($0.rawValue) \(Self.percent(mean($0, \.byteHitRatio) ?? 0)) %" }
            parts.append("Highest mean byte hit ratio: \(winner.rawValue) (\(means.joined(separator: ", ")))")
        }
        return parts.joined(separator: "\n\n")
    }

    private static func percent(_ ratio: Double) -> String { decimal(ratio * 100, 2) }

    private static func mebibytes(_ bytes: Int) -> String { threeDigits(Double(bytes) / 0x1p20) }

    private static func gibibytes(_ bytes: Int) -> String { threeDigits(Double(bytes) / 0x1p30) }
}
