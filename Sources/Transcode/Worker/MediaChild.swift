// SPDX-License-Identifier: Apache-2.0

import Backends
/// Media children of one try, all on the same input: one for each piece of the part's work, at the same time.
struct MediaChild: Sendable {
    /// The program; this one, unless a test runs.
    let executable: String
    let settings: OriginConfiguration.Transcode
    /// How the children of this worker ended.
    let tally: ChildTally
    /// An open regular file.
    let input: ObjectFile
    /// Where the files that the children hand over are stored.
    let output: String

    /// How one child ended, and the end of what it wrote to standard error.
    struct Ending: Sendable {
        var outcome: ChildOutcome
        var lastWords: String
    }

    /// Runs the children and gives `receive` what they say, message by message, until all are gone. Ends them when the
    /// task is cancelled or `receive` throws. The endings are in the order of `pieces`.
    func run(
        _ pieces: [MediaPart], receive: (ChildMessage, Int) async throws(MediaError) -> Void
    ) async throws(MediaError) -> [Ending] {
        let (messages, sender) = AsyncStream.makeStream(of: (ChildMessage, Int).self)
        let children = pieces.map(child)
        let work = Task {
            await withTaskGroup(of: (Int, Result<ChildOutcome, MediaError>).self) { group in
                for (index, child) in children.enumerated() {
                    group.addTask {
                        let outcome = await Self.run(child) { sender.yield(($0, index)) }
                        if case .success(let known) = outcome { tally.count(known) }
                        return (index, outcome)
                    }
                }
                var outcomes: [Int: Result<ChildOutcome, MediaError>] = [:]
                for await (index, outcome) in group {
                    outcomes[index] = outcome
                    // What one can not do, the others need not do.
                    if case .success(.result) = outcome {} else { for child in children { child.kill() } }
                }
                sender.finish()
                return children.indices.map { outcomes[$0] ?? .failure(.failed("a child has no outcome")) }
            }
        }
        let failure = await withTaskCancellationHandler {
            var failure: MediaError?
            for await (message, index) in messages where failure == nil {
                do throws(MediaError) {
                    try await receive(message, index)
                } catch {
                    failure = error
                    for child in children { child.kill() }
                }
            }
            return failure
        } onCancel: {
            for child in children { child.kill() }
        }
        let outcomes = await work.value
        if let failure { throw failure }
        var endings: [Ending] = []
        for (child, outcome) in zip(children, outcomes) {
            endings.append(Ending(outcome: try outcome.get(), lastWords: child.lastWords))
        }
        return endings
    }

    private func child(_ piece: MediaPart) -> ChildProcess {
        ChildProcess(
            ChildProcess.Job(
                input: input.descriptor, folder: output, preset: settings.preset, part: piece,
                confinement: Confinement(
                    memoryBytesMax: settings.childMemoryMax, secondsMax: settings.childSecondsMax,
                    isRequired: settings.confinement == ConfinementMode.required.rawValue),
                executable: executable))
    }

    private static func run(_ child: ChildProcess, say: @escaping @Sendable (ChildMessage) -> Void) async
        -> Result<ChildOutcome, MediaError>
    {
        await onOwnThread { () -> Result<ChildOutcome, MediaError> in
            Result { () throws(MediaError) in try child.listen(say) }
        }
    }
}
