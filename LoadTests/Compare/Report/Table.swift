// SPDX-License-Identifier: Apache-2.0

/// Rows of text under a heading. The first columns hold words and are aligned left, the others figures, aligned right.
struct Table {
    let heading: [String]
    /// How many of the columns hold words.
    var wordColumns = 1
    var rows: [[String]] = []

    init(_ heading: [String], wordColumns: Int = 1) {
        self.heading = heading
        self.wordColumns = wordColumns
    }

    /// For a terminal: columns padded with spaces.
    var plain: String {
        let lines = [heading] + rows
        let widths = heading.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { cells in
            let padded = zip(cells, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return column < wordColumns ? cell.0 + space : space + cell.0
            }
            return padded.joined(separator: "  ").trimmedRight
        }.joined(separator: "\n")
    }

    /// For a Markdown document.
    var markdown: String {
        let rule = heading.indices.map { $0 < wordColumns ? "---" : "--:" }
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
