// SPDX-License-Identifier: Apache-2.0
//
// The purges of a process, shared by its workers and the administration. Two locks: the journal's, held by whoever
// purges, through the writing to disk; and the ledger's, held for moments: to take purges in, and for a verdict. The
// second is taken inside the first, never the other way round, so no worker ever waits for a disk.

import Base
import Cache
import Synchronization

/// The purges in force, kept over a restart where there is a folder for it.
final class PurgeState: Sendable {
    /// How a purge ended.
    struct Outcome: Equatable {
        /// Everything that was born before it is judged by it.
        var generation: UInt64
        /// No restart brings back what was purged. False when the disk failed; until then it is in force all the same.
        var isPersisted: Bool
    }

    /// What the metrics tell.
    struct Usage {
        var generation: UInt64
        var floor: UInt64
        var rules: Int
        var folded: Int
    }

    private struct Disk: ~Copyable {
        var journal: PurgeJournal?
    }

    private let generation: Atomic<UInt64>
    private let ledger: Mutex<PurgeLedger>
    private let disk: Mutex<Disk>
    private let counts = PurgeKind.allCases.map { _ in (hard: Counter(), soft: Counter()) }
    /// Times that the journal could not be written.
    let persistFailures = Counter()

    /// Reads the journal in `folder`; without one nothing is kept over a restart, as nothing that is cached is. Throws
    /// `SystemError`.
    init(folder: String?, rulesMax: Int) throws {
        // Beyond every generation of a journal that may be lost: no node purges more than once a microsecond.
        var loaded = PurgeLedger(
            generation: UInt64(max(0, Clock.wallMilliseconds())) * 1000, rulesMax: rulesMax)
        let journal = try folder.map { try PurgeJournal.open(folder: $0, rulesMax: rulesMax, into: &loaded) }
        generation = Atomic(loaded.current)
        ledger = Mutex(loaded)
        disk = Mutex(Disk(journal: journal))
    }

    /// The generation of the newest purge: what a fetch that begins now is born at. An object that was judged at this
    /// generation need not be judged again.
    @inline(__always)
    var current: UInt64 { generation.load(ordering: .relaxed) }

    /// What the purges leave of an object; see `PurgeLedger.verdict`. `upTo` is the generation at which it was judged, for
    /// the object to remember. Takes a lock: to be asked only when `current` is not what the object remembers.
    func verdict(
        for subject: PurgeSubject, birth: UInt64, checkedUpTo: UInt64
    ) -> (verdict: PurgeVerdict, upTo: UInt64) {
        ledger.withLock { ($0.verdict(for: subject, birth: birth, checkedUpTo: checkedUpTo), $0.current) }
    }

    /// Purges. When this returns the purges are on disk, and every verdict from now on knows them. Takes as long as the
    /// disk does; one call at a time.
    func purge(_ rules: [PurgeRule]) -> Outcome {
        disk.withLock { disk in
            let isPersisted = persist(rules, &disk)
            let newest = ledger.withLock { ledger in
                for rule in rules { ledger.add(rule) }
                return ledger.current
            }
            generation.store(newest, ordering: .sequentiallyConsistent)
            for rule in rules {
                let counter = counts[Int(rule.kind.rawValue) - 1]
                (rule.isSoft ? counter.soft : counter.hard).add()
            }
            return Outcome(generation: newest, isPersisted: isPersisted)
        }
    }

    /// Now and then, so that no purge waits for it: writes the journal anew when it is far larger than what it keeps.
    func turn() {
        disk.withLock { disk in
            guard disk.journal?.isDue == true else { return }
            // A copy, made without copying what is in it: the next purge comes after this.
            let snapshot = ledger.withLock { $0 }
            do {
                try disk.journal?.rewrite(snapshot)
            } catch {
                Log.warning("The purge journal could not be written anew, and grows", ["reason": "\(error)"])
            }
        }
    }

    /// Purges of one kind since the start.
    func count(_ kind: PurgeKind, isSoft: Bool) -> Int {
        let counter = counts[Int(kind.rawValue) - 1]
        return (isSoft ? counter.soft : counter.hard).value
    }

    var usage: Usage {
        ledger.withLock {
            Usage(generation: $0.current, floor: $0.floor, rules: $0.count, folded: $0.foldedCount)
        }
    }

    private func persist(_ rules: [PurgeRule], _ disk: inout Disk) -> Bool {
        // Nothing that is cached comes back either.
        guard disk.journal != nil else { return true }
        do {
            try disk.journal?.append(rules, firstGeneration: current + 1)
            return true
        } catch {
            persistFailures.add()
            Log.error("A purge is not kept over a restart", ["reason": "\(error)"])
            return false
        }
    }
}
