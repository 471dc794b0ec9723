// SPDX-License-Identifier: Apache-2.0
//
// One for each worker, shared by all of its jobs; a lock around a small table, taken once for each child.

import Synchronization

/// How many media children ended in which way, since the worker started.
final class ChildTally: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Counts one child's end.
    func count(_ outcome: ChildOutcome) {
        counts.withLock { $0[outcome.name, default: 0] += 1 }
    }

    /// By the names of `ChildOutcome.name`; a way in which none has ended is missing.
    var snapshot: [String: Int] { counts.withLock { $0 } }

    /// `crash=1 result=20`, sorted by name.
    var text: String {
        snapshot.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
    }
}

extension ChildOutcome {
    /// The name under which it is counted: `result`, `unusable`, `failed`, `timedOut`, `killed`, or a fault's name.
    var name: String {
        switch self {
        case .result, .plan: "result"
        case .unusable: "unusable"
        case .failed: "failed"
        case .crashed(let fault): fault.name
        case .timedOut: "timedOut"
        case .killed: "killed"
        }
    }
}
