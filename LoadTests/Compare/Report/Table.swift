// SPDX-License-Identifier: Apache-2.0

/// Rows of text under a heading. The first column is aligned left, the others right.
struct Table {
    let heading: [String]
    var rows: [[String]] = []

    /// For a terminal: columns padded with spaces.
    var plain: String {
        let lines = [heading] + rows
        let widths = heading.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { cells in
            let padded = zip(cells, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column == 0 ? cell.0 + space : space + cell.0
            }
            return padded.joined(separator: "  ").trimmedRight
        }.joined(separator: "\n")
    }

    /// For a Markdown document.
    var markdown: String {
        let rule = heading.indices.map { $0 == 0 ? "---" : "--:" }
        return ([heading, rule] + rows).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
    }
}

extension String {
    fileprivate var trimmedRight: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}
