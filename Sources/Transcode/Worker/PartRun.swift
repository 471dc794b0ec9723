// SPDX-License-Identifier: Apache-2.0

import Backends
import Base

/// One try of one part of a job: runs children on the raw file, publishes what they make while they make it, ends the
/// part.
///
/// Heartbeats go on beside all of that. A lease that was lost ends the work at once, and nothing more is published:
/// the part belongs to another worker, or to nobody.
struct PartRun: Sendable {
    /// How the work ended, before the queue is told.
    enum Ending: Sendable {
        case done(PartOutcome)
        case failed(PartFailure)
        case leaseLost
        /// The worker is asked to end.
        case stopped
    }

    let lease: JobLease
    let services: WorkerServices
    let pulse: PartPulse

    init(_ lease: JobLease, _ services: WorkerServices) {
        self.lease = lease
        self.services = services
        pulse = PartPulse(lease, queue: services.queue, settings: services.settings)
    }

    /// Returns when the part is ended, failed or given back.
    func run() async {
        Log.info("a part starts", ["video": lease.videoID, "part": partName, "attempt": "\(lease.attempt)"])
        let ending = await withTaskGroup(of: Ending?.self) { group in
            group.addTask { await work() }
            group.addTask {
                await pulse.beat() == .lost ? .leaseLost : nil
            }
            var first: Ending?
            while first == nil, let ended = await group.next() { first = ended }
            group.cancelAll()
            // The children have to be gone before the lease is given back.
            await group.waitForAll()
            return first ?? .stopped
        }
        // Not cancelled with the worker: what happened is told to the queue in any case.
        await Task { await tell(ending) }.value
    }

    /// For people: `chunk 4`.
    private var partName: String { "\(lease.kind.rawValue) \(lease.part)" }

    private func work() async -> Ending {
        do throws(MediaError) {
            let folder = try services.folder.make(for: lease)
            defer { services.folder.remove(folder) }
            if lease.kind == .assembly { return try await assemble(folder) }
            guard let input = try await openInput(folder) else {
                return .failed(
                    PartFailure(
                        reason: "The uploaded file is not there any more.", outcome: "missing", isFinal: true))
            }
            let child = MediaChild(
                executable: services.executable, settings: services.settings, tally: services.children, input: input,
                output: "\(folder)/out")
            return lease.kind == .plan ? try await plan(child) : try await make(child)
        } catch {
            Log.error("a try failed", ["video": lease.videoID, "part": partName, "reason": error.message])
            return .failed(
                PartFailure(
                    reason: "The server could not process this file. This is a fault of the server.",
                    outcome: "fault", log: error.message))
        }
    }

    /// The raw file: the store's own where it has one, else a copy. Nil when it is gone.
    private func openInput(_ folder: String) async throws(MediaError) -> ObjectFile? {
        let key = "\(lease.videoID)/raw"
        do throws(ObjectStoreError) {
            if let file = try await services.store.openFile(bucket: "uploads", key: key) { return file }
            try await services.store.fetch(bucket: "uploads", key: key, toFile: "\(folder)/input")
        } catch .notFound {
            return nil
        } catch {
            throw MediaError.failed("fetch the upload: \(error)")
        }
        return ObjectFile(descriptor: try openForReading("\(folder)/input"))
    }

    // MARK: The plan

    private func plan(_ child: MediaChild) async throws(MediaError) -> Ending {
        // Whatever an earlier version of this program or an earlier job left under the video's name was never shown.
        do throws(ObjectStoreError) {
            _ = try await services.store.deleteAll(bucket: "media", prefix: "v/\(lease.videoID)/")
        } catch {
            throw MediaError.failed("clear the video's place: \(error)")
        }
        let endings = try await child.run([.plan]) { (_, _) in }
        guard case .plan(let media) = endings[0].outcome else { return try bad(endings) }
        let work = WorkPlan(media: media)
        return .done(
            PartOutcome(plan: try jsonText(media), parts: try work.parts(), videoSeconds: media.declaredSeconds))
    }

    // MARK: Media

    private func make(_ child: MediaChild) async throws(MediaError) -> Ending {
        let media: MediaPlan = try jsonValue(lease.plan)
        let pieces = try await pieces()
        let publication = PartPublication(
            lease, services, MediaPublisher(store: services.store, videoID: lease.videoID, folder: child.output), media)
        let gauge = PartGauge(pieces, plan: media)
        let endings = try await child.run(pieces) { (message, index) throws(MediaError) in
            switch message {
            case .progress(let percent): pulse.show(fraction: gauge.fraction(piece: index, percent: percent))
            case .rungs(let percents): pulse.show(seconds: gauge.seconds(piece: index, percents: percents))
            case .rendition, .segment: try await publication.take(message)
            default: break
            }
        }
        guard !Task.isCancelled else { return .stopped }
        var results: [MediaResult] = []
        for ending in endings {
            guard case .result(let result) = ending.outcome else { return try bad(endings) }
            results.append(result)
        }
        for result in results { try await publication.finish(result) }
        return .done(PartOutcome(notes: notes(results, isLast: gauge.isLast)))
    }

    /// What the children are to do.
    private func pieces() async throws(MediaError) -> [MediaPart] {
        guard lease.kind == .soundEnd else { return try WorkPlan.parts(lease.work) }
        guard let frames = try await publication().notes[Self.framesNote].flatMap({ Int($0) }) else {
            throw MediaError.failed("the length of the pictures is not known")
        }
        return [.sound(videoFrames: frames, segmentsMax: nil)]
    }

    static let framesNote = "frames"
    static let widthNote = "width"
    static let heightNote = "height"

    /// The part with the last pictures knows how long the video is.
    private func notes(_ results: [MediaResult], isLast: Bool) -> [String: String] {
        guard isLast, let result = results.first(where: { $0.endFrame > 0 }) else { return [:] }
        return [
            Self.framesNote: "\(result.endFrame)", Self.widthNote: "\(result.width)",
            Self.heightNote: "\(result.height)",
        ]
    }

    func publication() async throws(MediaError) -> JobPublication {
        do throws(BackendError) {
            return try await services.queue.publication(lease)
        } catch {
            throw MediaError.failed("the queue: \(error)")
        }
    }

    // MARK: What goes wrong

    /// The first ending that is none of success, as the queue is told.
    private func bad(_ endings: [MediaChild.Ending]) throws(MediaError) -> Ending {
        let bad = endings.first { ending in
            switch ending.outcome {
            case .result, .plan, .killed: false
            default: true
            }
        }
        guard let bad else {
            // Others were ended because one did not do what it was asked for.
            let isStopped = endings.contains { $0.outcome == .killed } && Task.isCancelled
            guard isStopped else { throw MediaError.failed("a child did other work than it was given") }
            return .stopped
        }
        let log = bad.lastWords
        switch bad.outcome {
        case .unusable(let reason):
            return .failed(PartFailure(reason: reason, outcome: bad.outcome.name, log: log, isFinal: true))
        case .crashed(let fault): return .failed(crash(fault))
        case .timedOut:
            let seconds = services.settings.childSecondsMax
            return .failed(
                PartFailure(
                    reason: "Processing took longer than \(seconds) seconds, the most that is allowed.",
                    outcome: bad.outcome.name, log: log, isFinal: true))
        case .failed(let reason): throw MediaError.failed(log.isEmpty ? reason : "\(reason)\n\(log)")
        case .result, .plan, .killed: throw MediaError.failed("a child did other work than it was given")
        }
    }

    private func crash(_ fault: ChildFault) -> PartFailure {
        Log.warning(
            "a media child ended badly",
            [
                "video": lease.videoID, "part": partName, "kind": fault.name, "how": fault.description,
                "lastWords": fault.lastWords, "children": services.children.text,
            ])
        return PartFailure(
            reason: fault.sentence, outcome: fault.name, log: "\(fault)\n\(fault.lastWords)", isFinal: fault.isFinal)
    }

    // MARK: The queue

    private func tell(_ ending: Ending) async {
        do throws(BackendError) {
            switch ending {
            case .done(let outcome): try await complete(outcome)
            case .failed(let failure):
                let became = try await services.queue.fail(lease, failure)
                Log.warning(
                    "a try ended badly",
                    ["video": lease.videoID, "part": partName, "reason": failure.reason, "became": "\(became)"])
            case .leaseLost:
                Log.warning("the lease was lost", ["video": lease.videoID, "part": partName])
                await removeOrphans()
            case .stopped:
                try await services.queue.release(lease)
                Log.info("the part is given back", ["video": lease.videoID, "part": partName])
            }
        } catch {
            // The lease ends by itself and the part is tried again.
            Log.error("the queue was not told", ["video": lease.videoID, "part": partName, "reason": "\(error)"])
        }
    }

    private func complete(_ outcome: PartOutcome) async throws(BackendError) {
        switch try await services.queue.complete(lease, outcome: outcome) {
        case .lost:
            Log.warning("the part was another's when it was done", ["video": lease.videoID, "part": partName])
            await removeOrphans()
        case .partDone: Log.info("a part is done", ["video": lease.videoID, "part": partName])
        case .jobDone:
            Log.info(
                "a video is ready", ["video": lease.videoID, "segments": "\(outcome.result?.segments.count ?? 0)"])
            do throws(ObjectStoreError) {
                try await services.store.delete(bucket: "uploads", key: "\(lease.videoID)/raw")
            } catch {
                Log.warning("the raw upload was not deleted", ["video": lease.videoID, "reason": "\(error)"])
            }
        }
    }

    /// The video may have been deleted while it was in work; what was published since must go too.
    private func removeOrphans() async {
        do throws(BackendError) {
            _ = try await services.catalog.video(id: lease.videoID)
        } catch .notFound {
            _ = try? await services.store.deleteAll(bucket: "media", prefix: "v/\(lease.videoID)/")
        } catch {
            Log.warning("it is not known whether a video still exists", ["video": lease.videoID, "reason": "\(error)"])
        }
    }
}
