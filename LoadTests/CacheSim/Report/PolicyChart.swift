// SPDX-License-Identifier: Apache-2.0

import Cache

/// Byte hit ratio over the cache's size: a panel for each trace, a line for each policy. Sizes stand in equal steps.
struct PolicyChart {
    let report: CacheSimReport

    private static let panel = (width: 450.0, height: 250.0)
    private static let plot = (left: 48.0, top: 34.0, right: 24.0, bottom: 50.0)
    private static let header = 84.0
    private static let margin = 20.0
    private static let columns = 2

    func svg() -> String {
        let rows = (report.traces.count + Self.columns - 1) / Self.columns
        var writer = SVGWriter(
            width: Double(Self.columns) * Self.panel.width + 2 * Self.margin,
            height: Self.header + Double(rows) * Self.panel.height + Self.margin)
        writer.rectangle(x: 0, y: 0, width: writer.width, height: writer.height, style: "ground")
        writer.text("Which object leaves: byte hit ratio by policy", x: Self.margin, y: 30, style: "title")
        writer.text(
            "Percent of the requested bytes that the cache answers, over its size in percent of all objects.",
            x: Self.margin, y: 51, style: "note")
        drawLegend(into: &writer)
        for (index, trace) in report.traces.enumerated() {
            let column = Double(index % Self.columns)
            let row = Double(index / Self.columns)
            draw(
                trace, x: Self.margin + column * Self.panel.width, y: Self.header + row * Self.panel.height,
                into: &writer)
        }
        return writer.finish(title: "Byte hit ratio by policy", description: description, style: Self.style)
    }

    private func drawLegend(into writer: inout SVGWriter) {
        for (index, policy) in report.policies.enumerated() {
            let x = Self.margin + Double(index) * 100
            writer.line(from: (x, 70), to: (x + 26, 70), style: "series \(policy.rawValue)")
            writer.text(policy.rawValue, x: x + 32, y: 74, style: "name")
        }
    }

    private func draw(_ trace: CacheSimReport.TraceResult, x: Double, y: Double, into writer: inout SVGWriter) {
        let left = x + Self.plot.left
        let right = x + Self.panel.width - Self.plot.right
        let top = y + Self.plot.top
        let bottom = y + Self.panel.height - Self.plot.bottom
        let most = trace.sizes.flatMap { $0.counts.values.map(\.byteHitRatio) }.max() ?? 0
        let axis = Axis(most: most * 100)
        func vertical(_ percent: Double) -> Double { bottom - (bottom - top) * percent / axis.end }
        func horizontal(_ index: Int) -> Double {
            left + 10 + (right - left - 20) * Double(index) / Double(max(1, trace.sizes.count - 1))
        }
        writer.text(trace.name, x: left, y: y + 20, style: "panel")
        for tick in axis.ticks {
            writer.line(
                from: (left, vertical(tick)), to: (right, vertical(tick)), style: tick == 0 ? "axis" : "grid")
            writer.text(
                decimal(tick, tick == tick.rounded() ? 0 : 1), x: left - 6, y: vertical(tick) + 4, anchor: .end,
                style: "tick")
        }
        for (index, size) in trace.sizes.enumerated() {
            writer.text(size.size, x: horizontal(index), y: bottom + 16, anchor: .middle, style: "tick")
        }
        for policy in report.policies {
            let points = trace.sizes.enumerated().map { index, size in
                (horizontal(index), vertical((size.counts[policy.rawValue]?.byteHitRatio ?? 0) * 100))
            }
            writer.polyline(points, style: "series \(policy.rawValue)")
        }
    }

    /// All figures in words, for those who can not see the lines.
    private var description: String {
        report.traces.flatMap { trace in
            trace.sizes.map { size in
                let ratios = report.policies.map {
                    "\($0.rawValue) \(decimal((size.counts[$0.rawValue]?.byteHitRatio ?? 0) * 100, 1))"
                }
                return "\(trace.name), size \(size.size), byte hit ratio in percent: \(ratios.joined(separator: ", "))."
            }
        }.joined(separator: " ")
    }

    /// Both colour schemes. Lines differ by their dashes too.
    private static let style = """
        text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 12px; fill: #1f2328; }
        .ground { fill: #ffffff; }
        .title { font-size: 18px; font-weight: 600; }
        .panel { font-size: 14px; font-weight: 600; }
        .note, .tick { fill: #59636e; }
        .tick { font-size: 11px; }
        .axis { stroke: #59636e; }
        .grid { stroke: #d1d9e0; }
        .series { fill: none; stroke-width: 2; }
        .s3fifo { stroke: #0969da; }
        .sieve { stroke: #bc4c00; stroke-dasharray: 7 3; }
        .lru { stroke: #59636e; stroke-dasharray: 2 3; }
        @media (prefers-color-scheme: dark) {
        text { fill: #f0f6fc; }
        .ground { fill: #0d1117; }
        .note, .tick { fill: #9198a1; }
        .axis { stroke: #9198a1; }
        .grid { stroke: #3d444d; }
        .s3fifo { stroke: #4493f8; }
        .sieve { stroke: #db6d28; }
        .lru { stroke: #9198a1; }
        }
        """
}
