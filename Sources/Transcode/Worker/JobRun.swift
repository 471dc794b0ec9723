// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Glibc

/// One try of one job: fetches the raw file, has a child transcode it, publishes what it made, ends the job.
///
/// Heartbeats go on beside all of that. A lease that was lost ends the work at once, and nothing more is published:
/// the job belongs to another worker.
struct JobRun: Sendable {
    /// How the work ended, before the queue is told.
    private enum Ending: Sendable {
        case published(TranscodeResult)
        /// A sentence for the uploader; `isFinal` when another try would end the same way.
        case failed(String, isFinal: Bool)
        case leaseLost
        /// The worker is asked to end.
        case stopped
    }

    private let lease: JobLease
    private let services: WorkerServices
    private let pulse: JobPulse

    init(_ lease: JobLease, _ services: WorkerServices) {
        self.lease = lease
        self.services = services
        pulse = JobPulse(lease, queue: services.queue, settings: services.settings)
    }

    /// Returns when the job is ended, failed or given back.
    func run() async {
        Log.info("a job starts", ["video": lease.videoID, "attempt": "\(lease.attempt)"])
        let ending = await withTaskGroup(of: Ending?.self) { group in
            group.addTask { await work() }
            group.addTask {
                await pulse.beat() == .lost ? .leaseLost : nil
            }
            var first: Ending?
            while first == nil, let ended = await group.next() { first = ended }
            group.cancelAll()
            // The child has to be gone before the lease is given back.
            await group.waitForAll()
            return first ?? .stopped
        }
        // Not cancelled with the worker: what happened is told to the queue in any case.
        await Task { await tell(ending) }.value
    }

    private func work() async -> Ending {
        do throws(MediaError) {
            let folder = try services.folder.make(for: lease)
            defer { services.folder.remove(folder) }
            let input = "\(folder)/input"
            do throws(ObjectStoreError) {
                try await services.store.fetch(bucket: "uploads", key: "\(lease.videoID)/raw", toFile: input)
            } catch .notFound {
                return .failed("The uploaded file is not there any more.", isFinal: true)
            } catch {
                throw MediaError.failed("fetch the upload: \(error)")
            }
            let outcome = try await transcode(input, to: "\(folder)/out")
            services.children.count(outcome)
            switch outcome {
            case .result(let media): return try await publish(media, folder: "\(folder)/out")
            case .unusable(let reason): return .failed(reason, isFinal: true)
            case .failed(let reason): throw MediaError.failed(reason)
            case .plan: throw MediaError.failed("the media child planned instead of working")
            case .crashed(let fault):
                Log.warning(
                    "a media child ended badly",
                    [
                        "video": lease.videoID, "kind": fault.name, "how": fault.description,
                        "lastWords": fault.lastWords, "children": services.children.text,
                    ])
                return .failed(fault.sentence, isFinal: false)
            case .timedOut:
                let seconds = services.settings.childSecondsMax
                return .failed(
                    "Processing took longer than \(seconds) seconds, the most that is allowed.", isFinal: true)
            case .killed: return .stopped
            }
        } catch {
            Log.error("a try failed", ["video": lease.videoID, "reason": error.message])
            return .failed("The server could not process this file. This is a fault of the server.", isFinal: false)
        }
    }

    /// Runs the child on a thread of its own; ends it when this task is cancelled.
    private func transcode(_ input: String, to folder: String) async throws(MediaError) -> ChildOutcome {
        let descriptor = open(input, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw MediaError.failed("open \(input): errno \(errno)") }
        defer { close(descriptor) }
        let settings = services.settings
        let child = ChildProcess(
            ChildProcess.Job(
                input: descriptor, folder: folder, preset: settings.preset,
                confinement: Confinement(
                    memoryBytesMax: settings.childMemoryMax, secondsMax: settings.childSecondsMax,
                    isRequired: settings.confinement == ConfinementMode.required.rawValue)))
        let outcome = await withTaskCancellationHandler {
            await onOwnThread { () -> Result<ChildOutcome, MediaError> in
                Result { () throws(MediaError) in
                    try child.run { pulse.show(percent: $0 * JobPulse.transcodeShare) }
                }
            }
        } onCancel: {
            child.kill()
        }
        return try outcome.get()
    }

    private func publish(_ media: MediaResult, folder: String) async throws(MediaError) -> Ending {
        let publisher = MediaPublisher(store: services.store, videoID: lease.videoID, folder: folder)
        do throws(ObjectStoreError) {
            let result = try await publisher.publish(media) { share in
                pulse.show(percent: 100 * (JobPulse.transcodeShare + (1 - JobPulse.transcodeShare) * share))
            }
            return result.map { .published($0) } ?? .stopped
        } catch {
            throw MediaError.failed("publish: \(error)")
        }
    }

    // MARK: The queue

    private func tell(_ ending: Ending) async {
        do throws(BackendError) {
            switch ending {
            case .published(let result): try await complete(result)
            case .failed(let reason, let isFinal):
                let became = try await services.queue.fail(lease, reason: reason, final: isFinal)
                Log.warning("a try ended badly", ["video": lease.videoID, "reason": reason, "became": "\(became)"])
            case .leaseLost: Log.warning("the lease was lost", ["video": lease.videoID])
            case .stopped:
                try await services.queue.release(lease)
                Log.info("the job is given back", ["video": lease.videoID])
            }
        } catch {
            // The lease ends by itself and the job is tried again.
            Log.error("the queue was not told", ["video": lease.videoID, "reason": "\(error)"])
        }
    }

    private func complete(_ result: TranscodeResult) async throws(BackendError) {
        guard try await services.queue.complete(lease, result: result) else {
            Log.warning("the job was another's when it was done", ["video": lease.videoID])
            return try await removeOrphans()
        }
        Log.info("a video is ready", ["video": lease.videoID, "segments": "\(result.segments.count)"])
        do throws(ObjectStoreError) {
            try await services.store.delete(bucket: "uploads", key: "\(lease.videoID)/raw")
        } catch {
            Log.warning("the raw upload was not deleted", ["video": lease.videoID, "reason": "\(error)"])
        }
    }

    /// The video may have been deleted while it was in work; what was published since must go too.
    private func removeOrphans() async throws(BackendError) {
        do throws(BackendError) {
            _ = try await services.catalog.video(id: lease.videoID)
        } catch .notFound {
            _ = try? await services.store.deleteAll(bucket: "media", prefix: "v/\(lease.videoID)/")
        }
    }
}
