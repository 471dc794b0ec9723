// SPDX-License-Identifier: Apache-2.0

/// One place where a presentation breaks a rule, or something that a person may want to know.
public struct Finding: Sendable, Equatable {
    /// How much it weighs, by the words of the rule.
    public enum Severity: String, Sendable, CaseIterable {
        case must, should, note
    }

    public var rule: CheckRule
    /// Where it is: `720p/index.m3u8:12` (a line) or `720p/3.m4s box moof/traf/tfdt`.
    public var place: String
    /// What is there, in one sentence.
    public var sentence: String

    public var severity: Severity { rule.severity }
}

/// Gathers findings. A rule that is broken again and again is kept `perRuleMax` times; the others are counted.
struct FindingList {
    /// A hostile presentation could break one rule in every line.
    static let perRuleMax = 12
    /// A text of the presentation inside a sentence is cut here.
    static let quotedMax = 80

    private(set) var findings: [Finding] = []
    private var counts: [CheckRule: Int] = [:]

    mutating func add(_ rule: CheckRule, _ place: String, _ sentence: String) {
        counts[rule, default: 0] += 1
        guard counts[rule, default: 0] <= Self.perRuleMax else { return }
        findings.append(Finding(rule: rule, place: place, sentence: sentence))
    }

    /// By severity, then in the order in which they were found; with a sentence for those that were left out.
    func sorted() -> [Finding] {
        var all = findings
        for rule in CheckRule.allCases {
            let more = counts[rule, default: 0] - Self.perRuleMax
            if more > 0 {
                all.append(Finding(rule: rule, place: "…", sentence: "and \(more) more of the same rule"))
            }
        }
        return Finding.Severity.allCases.flatMap { severity in all.filter { $0.severity == severity } }
    }

    /// A text that somebody else wrote, as it is shown: short, and without what a terminal would obey.
    static func shown(_ text: some StringProtocol) -> String {
        let plain = text.unicodeScalars.lazy.filter { scalar in
            scalar.properties.generalCategory != .control && scalar.properties.generalCategory != .format
        }
        return String(String.UnicodeScalarView(plain.prefix(quotedMax)))
    }
}
