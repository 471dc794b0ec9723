// SPDX-License-Identifier: Apache-2.0

/// What a multivariant playlist can break by its text alone (RFC 8216 section 4.3.4, Apple's sections 8 and 9).
struct MultivariantRules {
    private let facts: MultivariantFacts
    private var findings: FindingList

    static func check(_ facts: MultivariantFacts, into findings: inout FindingList) {
        var rules = MultivariantRules(facts: facts, findings: findings)
        rules.checkMembers()
        rules.checkGroups()
        rules.checkReferences()
        rules.checkAttributes()
        findings = rules.findings
    }

    private func at(_ line: Int) -> String { "\(facts.place):\(line)" }

    private mutating func checkMembers() {
        for member in facts.members where member.kind != .video {
            guard let language = member.language else {
                findings.add(.language, at(member.line), "\(FindingList.shown(member.name)) has no LANGUAGE")
                continue
            }
            if !Self.isLanguageTag(language) {
                findings.add(.language, at(member.line), "\(FindingList.shown(language)) is no tag of RFC 5646")
            }
        }
        for member in facts.members where member.kind == .audio && member.channels == nil {
            findings.add(.channels, at(member.line), "\(FindingList.shown(member.name)) has no CHANNELS")
        }
    }

    /// The form of RFC 5646 section 2.1: parts of up to eight letters and digits, the first of letters.
    static func isLanguageTag(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard let first = parts.first, (2...8).contains(first.utf8.count) || first == "x" || first == "i" else {
            return false
        }
        return first.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) }
            && parts.allSatisfy { part in
                (1...8).contains(part.utf8.count)
                    && part.utf8.allSatisfy { (0x61...0x7A).contains($0 | 0x20) || (0x30...0x39).contains($0) }
            }
    }

    private struct GroupName: Hashable {
        var kind: Rendition.Kind
        var group: String
    }

    private mutating func checkGroups() {
        var names: [GroupName: Set<String>] = [:]
        var defaults: [GroupName: Int] = [:]
        var automatic: Set<[String]> = []
        for member in facts.members {
            let group = GroupName(kind: member.kind, group: member.group)
            if !names[group, default: []].insert(member.name).inserted {
                findings.add(.mediaGroup, at(member.line), "\(FindingList.shown(member.name)) is in its group twice")
            }
            if member.isDefault { defaults[group, default: 0] += 1 }
            if member.isDefault, defaults[group] == 2 {
                findings.add(.mediaGroup, at(member.line), "the group has more than one member with DEFAULT=YES")
            }
            let choice = [
                member.kind.rawValue, member.group, member.language ?? "", member.characteristics ?? "",
                member.isForced ? "forced" : "",
            ]
            if member.isAutoselect || member.isDefault, !automatic.insert(choice).inserted {
                findings.add(.autoselect, at(member.line), "another member for the choice of a player is equal")
            }
        }
        for kind in [Rendition.Kind.audio, .video, .subtitles] {
            let groups = names.filter { $0.key.kind == kind }
            if Set(groups.values).count > 1 {
                findings.add(.alternatives, facts.place, "the groups of \(kind.rawValue) have different members")
            }
        }
    }

    private mutating func checkReferences() {
        for stream in facts.streams {
            for (kind, group) in stream.groups.sorted(by: { $0.key.rawValue < $1.key.rawValue })
            where facts.members(kind, group: group).isEmpty {
                findings.add(
                    .groupReference, at(stream.line), "\(kind.rawValue)=\"\(FindingList.shown(group))\" is no group")
            }
        }
        let none = facts.variants.count(where: \.hasNoClosedCaptions)
        if none > 0, none < facts.variants.count {
            findings.add(
                .closedCaptions, facts.place, "CLOSED-CAPTIONS=NONE is on \(none) of \(facts.variants.count) variants")
        }
    }

    private mutating func checkAttributes() {
        for stream in facts.streams {
            if stream.codecs == nil {
                findings.add(stream.isIFrames ? .iFrameCodecs : .codecsPresent, at(stream.line), "CODECS is missing")
            }
            if stream.isIFrames, stream.resolution == nil {
                findings.add(.iFrameResolution, at(stream.line), "RESOLUTION is missing")
            }
        }
        for stream in facts.variants where stream.averageBandwidth == nil {
            findings.add(.averageBandwidthPresent, at(stream.line), "AVERAGE-BANDWIDTH is missing")
        }
        let scores = facts.variants.count(where: \.hasScore)
        if scores > 0, scores < facts.variants.count {
            findings.add(.score, facts.place, "SCORE is on \(scores) of \(facts.variants.count) variants")
        }
        if facts.variants.isEmpty { findings.add(.streamInf, facts.place, "there is no variant") }
    }
}
