// SPDX-License-Identifier: Apache-2.0
//
// All purges that still matter. Each one gets the next generation number, and nothing is scanned: an object carries the
// generation that was current when its fetch began (its birth), and the one up to which it was judged. A purge takes
// what was born before it. A value: whoever holds it serialises its use (the edge's PurgeState does).

/// Purges by generation numbers.
///
/// A verdict costs one pass over the object's path and a few look-ups, however many purges there are. Memory is bounded:
/// beyond `rulesMax` the oldest purges are folded into the floor, a generation before which everything counts as gone.
/// That takes more than was asked, and never less.
public struct PurgeLedger: Sendable {
    /// The newest purges of one name; 0 for none. An older one of the same kind has nothing to add.
    private struct Marks {
        var hard: UInt64 = 0
        var soft: UInt64 = 0

        var count: Int { (hard > 0 ? 1 : 0) + (soft > 0 ? 1 : 0) }
    }

    struct Entry: Sendable, Equatable {
        var generation: UInt64
        var rule: PurgeRule
    }

    /// The generation of the newest purge; what is born now carries it.
    public private(set) var current: UInt64
    /// What was born before this generation, and not judged since, is gone.
    public private(set) var floor: UInt64
    /// Purges that are kept.
    public private(set) var count = 0
    /// Purges that were folded into the floor for lack of room.
    public private(set) var foldedCount = 0
    /// All of every site.
    private static let everything = PurgeRule.Name(
        kind: .everything, hash: PurgeHash(site: EmptyCollection()).value)
    private let rulesMax: Int
    private var marks: [PurgeRule.Name: Marks] = [:]
    /// The newest generation of each kind: older objects need not look at kinds that have nothing newer.
    private var newest = [UInt64](repeating: 0, count: PurgeKind.allCases.count + 1)
    /// How many prefixes there are of each length.
    private var prefixCounts: [Int] = []
    /// Purges in their order from `historyStart` on, those that a newer one of the same name has replaced among them.
    private var history: [Entry] = []
    private var historyStart = 0

    /// A ledger without purges. Objects that were born before `generation` belong to an earlier ledger that is lost:
    /// whether they were purged is not known, so they are.
    public init(generation: UInt64, rulesMax: Int) {
        self.init(current: generation, floor: generation, rulesMax: rulesMax)
    }

    init(current: UInt64, floor: UInt64, rulesMax: Int) {
        precondition(rulesMax >= 1)
        self.current = current
        self.floor = floor
        self.rulesMax = rulesMax
    }

    /// Takes a purge in; returns its generation.
    @discardableResult
    public mutating func add(_ rule: PurgeRule) -> UInt64 {
        current += 1
        put(rule)
        while count > rulesMax { foldOldest() }
        trimHistory()
        return current
    }

    /// Takes a purge back in that had a generation already. False when it is not newer than all others: nonsense.
    mutating func restore(_ entry: Entry) -> Bool {
        guard entry.generation > current else { return false }
        current = entry.generation - 1
        add(entry.rule)
        return true
    }

    /// The generation of the next purges continues behind this one.
    mutating func advance(to generation: UInt64) {
        current = max(current, generation)
    }

    /// Everything that was born up to now is gone, and every purge with it. The generations go on from `generation`, which
    /// is to be beyond all that were ever given out, where those of the lost purges are not known.
    public mutating func forgetEverything(from generation: UInt64) {
        current = max(current + 1, generation)
        clear()
    }

    /// What the purges leave of an object that was born at `birth`, and whose last verdict was asked at `checkedUpTo`:
    /// only what is newer than both counts. The caller remembers a soft verdict itself.
    public func verdict(for subject: PurgeSubject, birth: UInt64, checkedUpTo: UInt64) -> PurgeVerdict {
        let known = max(birth, checkedUpTo)
        guard known != current else { return .untouched }
        // From the future: of a ledger that is lost.
        guard known < current, known >= floor else { return .hard }
        var verdict = judge(subject, PurgeHash(site: EmptyCollection()), known)
        if verdict != .hard, !subject.site.isEmpty {
            verdict = max(verdict, judge(subject, PurgeHash(site: subject.site), known))
        }
        return verdict
    }

    /// The purges that are kept, in their order.
    var entries: [Entry] { history[historyStart...].filter(isInForce) }

    // MARK: - Verdicts

    private func judge(_ subject: PurgeSubject, _ site: PurgeHash, _ known: UInt64) -> PurgeVerdict {
        var verdict = PurgeVerdict.untouched
        if isNewer(.everything, known) {
            verdict = max(verdict, look(PurgeRule.Name(kind: .everything, hash: site.value), known))
        }
        if isNewer(.surrogateKey, known) {
            if subject.surrogateKeys.isTruncated { return .hard }
            for key in subject.surrogateKeys.hashes {
                var hash = site
                hash.add(key)
                verdict = max(verdict, look(PurgeRule.Name(kind: .surrogateKey, hash: hash.value), known))
            }
        }
        guard isNewer(.url, known) || isNewer(.prefix, known) else { return verdict }
        return max(verdict, judge(key: subject.key, site, known))
    }

    /// One pass over path and query, with a look-up at each length that some prefix has.
    private func judge(key: UnsafeRawBufferPointer, _ site: PurgeHash, _ known: UInt64) -> PurgeVerdict {
        var verdict = PurgeVerdict.untouched
        var hash = site
        var isInPath = isNewer(.prefix, known)
        for (index, byte) in key.enumerated() {
            if byte == UInt8(ascii: "?") { isInPath = false }
            hash.add(byte)
            let length = index + 1
            guard isInPath, length < prefixCounts.count, prefixCounts[length] > 0 else { continue }
            let name = PurgeRule.Name(kind: .prefix, hash: hash.value, prefixBytes: length)
            verdict = max(verdict, look(name, known))
        }
        return max(verdict, look(PurgeRule.Name(kind: .url, hash: hash.value), known))
    }

    private func isNewer(_ kind: PurgeKind, _ known: UInt64) -> Bool { newest[Int(kind.rawValue)] > known }

    private func look(_ name: PurgeRule.Name, _ known: UInt64) -> PurgeVerdict {
        guard let marks = marks[name] else { return .untouched }
        return marks.hard > known ? .hard : marks.soft > known ? .soft : .untouched
    }

    // MARK: - Keeping

    /// Puts a purge in force at the current generation.
    private mutating func put(_ rule: PurgeRule) {
        if !rule.isSoft, rule.name == Self.everything { return clear() }
        var found = marks[rule.name] ?? Marks()
        let before = found.count
        if rule.isSoft {
            found.soft = current
        } else {
            found = Marks(hard: current)
        }
        if before == 0 { countPrefix(rule.name, 1) }
        marks[rule.name] = found
        count += found.count - before
        newest[Int(rule.kind.rawValue)] = current
        history.append(Entry(generation: current, rule: rule))
    }

    /// Nothing that is older than the current generation is left, so no rule is needed for it.
    private mutating func clear() {
        floor = current
        count = 0
        marks = [:]
        prefixCounts = []
        history = []
        historyStart = 0
    }

    private mutating func foldOldest() {
        guard historyStart < history.count else { return }
        let entry = history[historyStart]
        historyStart += 1
        guard isInForce(entry), var found = marks[entry.rule.name] else { return }
        if entry.rule.isSoft { found.soft = 0 } else { found.hard = 0 }
        count -= 1
        foldedCount += 1
        floor = entry.generation
        if found.count > 0 {
            marks[entry.rule.name] = found
        } else {
            marks[entry.rule.name] = nil
            countPrefix(entry.rule.name, -1)
        }
    }

    /// No newer purge of the same name has taken its place.
    private func isInForce(_ entry: Entry) -> Bool {
        guard let found = marks[entry.rule.name] else { return false }
        return (entry.rule.isSoft ? found.soft : found.hard) == entry.generation
    }

    /// Keeps the history within a few times the number of purges, at a cost that each of them pays a part of.
    private mutating func trimHistory() {
        guard history.count > 2 * count + 1024 else { return }
        history = entries
        historyStart = 0
    }

    private mutating func countPrefix(_ name: PurgeRule.Name, _ change: Int) {
        guard name.kind == .prefix else { return }
        if name.prefixBytes >= prefixCounts.count {
            prefixCounts += [Int](repeating: 0, count: name.prefixBytes + 1 - prefixCounts.count)
        }
        prefixCounts[name.prefixBytes] += change
    }
}
