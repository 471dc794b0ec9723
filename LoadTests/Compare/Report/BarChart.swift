// SPDX-License-Identifier: Apache-2.0

/// The chart of the document: processor time per request, a panel for each workload, a bar for each server. Columns are
/// HTTP versions, rows are objects; each panel has its own scale, because a large object costs hundreds of times what a
/// small one does.
struct BarChart {
    let report: BenchReport

    private static let panel = (width: 450.0, top: 30.0, bar: 15.0, step: 22.0, bottom: 46.0)
    private static let labelWidth = 112.0
    private static let valueWidth = 86.0
    private static let header = 68.0
    private static let margin = 20.0

    func svg() -> String {
        let objects = BenchObject.all.filter { object in report.hits.contains { $0.workload.object == object } }
        let panelHeight = Self.panel.top + Double(report.servers.count) * Self.panel.step + Self.panel.bottom
        var writer = SVGWriter(
            width: 2 * Self.panel.width + 2 * Self.margin,
            height: Self.header + Double(objects.count) * panelHeight + Self.margin)
        writer.rectangle(x: 0, y: 0, width: writer.width, height: writer.height, style: "ground")
        writer.text("Processor time of the server for one warm response", x: Self.margin, y: 30, style: "title")
        writer.text(
            "CPU \u{B5}s per request, less is better; bar: median of \(report.method.rounds) rounds, line: least to most; "
                + "(\u{D7}): times the edge's. TLS 1.3, one thread, \(report.machine.processor).",
            x: Self.margin, y: 51, style: "note")
        for result in report.hits {
            let row = objects.firstIndex(of: result.workload.object) ?? 0
            let column = result.workload.version == .http1 ? 1.0 : 0.0
            draw(
                result, x: Self.margin + column * Self.panel.width, y: Self.header + Double(row) * panelHeight,
                into: &writer)
        }
        return writer.finish(
            title: "Processor time of each server for one warm response", description: description,
            style: Self.style)
    }

    private func draw(_ result: WorkloadResult, x: Double, y: Double, into writer: inout SVGWriter) {
        let costs = report.servers.map { Spread(result.samples[$0.name, default: []].map(\.microsecondsPerRequest)) }
        let plot = Plot(
            left: x + Self.labelWidth, top: y + Self.panel.top,
            width: Self.panel.width - Self.labelWidth - Self.valueWidth,
            height: Double(report.servers.count) * Self.panel.step,
            axis: Axis(most: costs.compactMap { $0?.most }.max() ?? 1))
        writer.text(result.workload.title, x: plot.left, y: y + 18, style: "panel")
        drawAxis(plot, into: &writer)
        for (index, server) in report.servers.enumerated() {
            let row = plot.top + Double(index) * Self.panel.step + (Self.panel.step - Self.panel.bar) / 2
            let isOurs = server.name == EdgeRecipe.name
            writer.text(
                server.name, x: plot.left - 7, y: row + 12, anchor: .end, style: isOurs ? "name ours" : "name")
            guard let cost = costs[index] else {
                writer.text("missing", x: plot.left + 6, y: row + 12, style: "value")
                continue
            }
            let ratio = isOurs ? nil : result.ratio(server.name, to: EdgeRecipe.name)
            let times = ratio.map { " (\(decimal($0.median, 1))\u{D7})" } ?? ""
            drawBar(cost, plot, y: row, label: threeDigits(cost.median) + times, isOurs: isOurs, into: &writer)
        }
    }

    /// Where values are drawn.
    private struct Plot {
        let left: Double
        let top: Double
        let width: Double
        let height: Double
        let axis: Axis

        var bottom: Double { top + height }

        func position(_ value: Double) -> Double { left + width * value / axis.end }
    }

    private func drawAxis(_ plot: Plot, into writer: inout SVGWriter) {
        for tick in plot.axis.ticks {
            let x = plot.position(tick)
            writer.line(from: (x, plot.top), to: (x, plot.bottom), style: tick == 0 ? "axis" : "grid")
            let label = decimal(tick, plot.axis.end < 10 && tick != tick.rounded() ? 1 : 0)
            writer.text(label, x: x, y: plot.bottom + 15, anchor: .middle, style: "tick")
        }
        writer.text(
            "CPU \u{B5}s/request", x: plot.left + plot.width / 2, y: plot.bottom + 31, anchor: .middle, style: "tick")
    }

    private func drawBar(
        _ cost: Spread, _ plot: Plot, y: Double, label: String, isOurs: Bool, into writer: inout SVGWriter
    ) {
        writer.rectangle(
            x: plot.left, y: y, width: plot.position(cost.median) - plot.left, height: Self.panel.bar,
            style: isOurs ? "bar our" : "bar")
        let middle = y + Self.panel.bar / 2
        writer.line(
            from: (plot.position(cost.least), middle), to: (plot.position(cost.most), middle), style: "range")
        writer.text(label, x: plot.position(cost.most) + 6, y: y + 12, style: "value")
    }

    /// All figures in words, for those who can not see the bars.
    private var description: String {
        report.hits.map { result in
            let costs = report.servers.compactMap { server in
                Spread(result.samples[server.name, default: []].map(\.microsecondsPerRequest))
                    .map { "\(server.name) \(threeDigits($0.median))" }
            }
            return "\(result.workload.title), CPU microseconds per request: " + costs.joined(separator: ", ") + "."
        }.joined(separator: " ")
    }

    /// Both colour schemes; text keeps a contrast of 4.5 or more against the ground in each.
    private static let style = """
        text { font-family: system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-size: 12px; fill: #1f2328; }
        .ground { fill: #ffffff; }
        .title { font-size: 18px; font-weight: 600; }
        .panel { font-size: 14px; font-weight: 600; }
        .note, .tick { fill: #59636e; }
        .tick { font-size: 11px; }
        .ours { font-weight: 600; }
        .bar { fill: #9aa4af; }
        .our { fill: #0969da; }
        .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
        .axis { stroke: #59636e; }
        .grid { stroke: #d1d9e0; }
        .range { stroke: #1f2328; stroke-width: 1.5; }
        @media (prefers-color-scheme: dark) {
        text { fill: #f0f6fc; }
        .ground { fill: #0d1117; }
        .note, .tick { fill: #9198a1; }
        .bar { fill: #656c76; }
        .our { fill: #4493f8; }
        .value { stroke: #0d1117; }
        .axis { stroke: #9198a1; }
        .grid { stroke: #3d444d; }
        .range { stroke: #f0f6fc; }
        }
        """
}
