// SPDX-License-Identifier: Apache-2.0

import Glibc

/// Writes SVG 1.1 elements, one a line. Coordinates are pixels, with one decimal.
struct SVGWriter {
    enum Anchor: String { case start, middle, end }

    let width: Double
    let height: Double
    private var body = ""

    init(width: Double, height: Double) {
        self.width = width
        self.height = height
    }

    mutating func rectangle(x: Double, y: Double, width: Double, height: Double, style: String) {
        body += "<rect class=\"\(style)\" x=\"\(Self.pixels(x))\" y=\"\(Self.pixels(y))\" "
        body += "width=\"\(Self.pixels(width))\" height=\"\(Self.pixels(height))\"/>\n"
    }

    mutating func line(from: (x: Double, y: Double), to: (x: Double, y: Double), style: String) {
        body += "<line class=\"\(style)\" x1=\"\(Self.pixels(from.x))\" y1=\"\(Self.pixels(from.y))\" "
        body += "x2=\"\(Self.pixels(to.x))\" y2=\"\(Self.pixels(to.y))\"/>\n"
    }

    mutating func polyline(_ points: [(x: Double, y: Double)], style: String) {
        let places = points.map { "\(Self.pixels($0.x)),\(Self.pixels($0.y))" }.joined(separator: " ")
        body += "<polyline class=\"\(style)\" points=\"\(places)\"/>\n"
    }

    mutating func text(_ text: String, x: Double, y: Double, anchor: Anchor = .start, style: String) {
        body += "<text class=\"\(style)\" x=\"\(Self.pixels(x))\" y=\"\(Self.pixels(y))\" "
        body += "text-anchor=\"\(anchor.rawValue)\">\(Self.escape(text))</text>\n"
    }

    /// The whole file. `title` and `description` are what a screen reader says; `style` is CSS.
    func finish(title: String, description: String, style: String) -> String {
        """
        <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Self.pixels(width)) \(Self.pixels(height))" \
        width="\(Self.pixels(width))" height="\(Self.pixels(height))" role="img" aria-labelledby="title description">
        <title id="title">\(Self.escape(title))</title>
        <desc id="description">\(Self.escape(description))</desc>
        <style>
        \(style)
        </style>
        \(body)</svg>

        """
    }

    /// What XML reserves in text and attributes.
    static func escape(_ text: String) -> String {
        text.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
            .replacing("\"", with: "&quot;")
    }

    private static func pixels(_ value: Double) -> String { decimal(value, 1) }
}

/// A linear axis from zero.
struct Axis: Equatable {
    /// Values to label, from 0; the last one is not below the largest value.
    let ticks: [Double]

    /// Four to six steps of 1, 2 or 5 times a power of ten that reach `most`.
    init(most: Double) {
        // pow and not a product of tens, whose errors would add up.
        var exponent = -6.0
        while pow(10, exponent) * 50 < most { exponent += 1 }
        let power = pow(10, exponent)
        let step = [1.0, 2, 5, 10].map { $0 * power }.first { $0 * 5 >= most } ?? power * 10
        let count = max(1, Int((most / step).rounded(.up)))
        ticks = (0...count).map { Double($0) * step }
    }

    var end: Double { ticks.last ?? 1 }
}
