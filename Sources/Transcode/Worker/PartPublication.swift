// SPDX-License-Identifier: Apache-2.0
//
// What one try of a part publishes: a file first, then the note of it in the queue, then the playlists that name it. A
// worker may die between any two of these steps; the next try finds what is there and goes on. Owned by one try and used
// by its one publishing task.

import Backends
import Base

/// Publishes segments as the media children announce them.
final class PartPublication {
    private let lease: JobLease
    private let queue: any JobQueue
    private let publisher: MediaPublisher
    private let announcer: Announcer
    private var headers: [String: RenditionOutput] = [:]
    private var published: [String: Set<Int>] = [:]

    init(_ lease: JobLease, _ services: WorkerServices, _ publisher: MediaPublisher, _ plan: MediaPlan) {
        self.lease = lease
        queue = services.queue
        self.publisher = publisher
        announcer = Announcer(lease, queue: services.queue, publisher: publisher, plan: plan)
    }

    /// Takes a rendition's beginning or a segment that is whole.
    func take(_ message: ChildMessage) async throws(MediaError) {
        switch message {
        case .rendition(let header): try await begin(header)
        case .segment(let name, let segment):
            guard headers[name] != nil else { throw MediaError.failed("a segment of \(name), which has not begun") }
            try await publish(segment, of: name)
            try await announcer.announceIfDue()
        default: break
        }
    }

    /// Publishes what the result names and no message did, the pictures beside it, and the playlists.
    func finish(_ result: MediaResult) async throws(MediaError) {
        for rendition in result.renditions {
            if headers[rendition.name] == nil { try await begin(rendition) }
            for segment in rendition.segments { try await publish(segment, of: rendition.name) }
        }
        do throws(ObjectStoreError) {
            for name in result.pictures { try await publisher.publish(picture: name) }
        } catch {
            throw MediaError.failed("publish: \(error)")
        }
        if !result.renditions.isEmpty { try await announcer.announce() }
    }

    private func begin(_ rendition: RenditionOutput) async throws(MediaError) {
        var header = rendition
        header.segments = []
        do throws(ObjectStoreError) {
            if header.kind != .subtitles {
                try await publisher.publishInitialization(of: header)
            }
        } catch {
            throw MediaError.failed("publish: \(error)")
        }
        try await note(renditions: [
            JobRendition(name: header.name, isVideo: header.isVideo, info: try jsonText(header))
        ])
        try await checkEqual(header)
        do throws(BackendError) {
            // What an earlier try or an earlier part has published is not even copied.
            published[header.name] = try await queue.segmentNumbers(lease, rendition: header.name)
        } catch {
            throw MediaError.failed("the queue: \(error)")
        }
        headers[header.name] = header
    }

    /// One initialization section serves the segments of all parts.
    private func checkEqual(_ header: RenditionOutput) async throws(MediaError) {
        do throws(BackendError) {
            let noted = try await queue.renditions(lease).first { $0.name == header.name }
            guard let noted else { return }
            guard let first: RenditionOutput = try? jsonValue(noted.info),
                first.initializationDigest == header.initializationDigest, first.codecs == header.codecs
            else { throw .conflict("\(header.name) is encoded otherwise than before") }
        } catch {
            throw MediaError.failed("\(error)")
        }
    }

    private func publish(_ segment: SegmentFile, of name: String) async throws(MediaError) {
        guard let header = headers[name], let number = segment.number, number >= 0 else {
            throw MediaError.failed("the media child gave a name that is not a segment's")
        }
        guard published[name, default: []].insert(number).inserted else { return }
        let stored: SegmentFile
        do throws(ObjectStoreError) {
            // What was published before is what the playlists measure.
            stored = try await publisher.publish(segment, of: header)
        } catch {
            throw MediaError.failed("publish: \(error)")
        }
        try await note(segments: [
            JobSegment(rendition: name, number: number, part: lease.part, info: try jsonText(stored))
        ])
    }

    private func note(renditions: [JobRendition] = [], segments: [JobSegment] = []) async throws(MediaError) {
        do throws(BackendError) {
            // A lost lease is found out by the next heartbeat; until then what is published does no harm.
            _ = try await queue.note(lease, renditions: renditions, segments: segments)
        } catch {
            throw MediaError.failed("the queue: \(error)")
        }
    }
}

/// Turns what the children say of their progress into that of the part.
struct PartGauge: Sendable {
    private let seconds: [Double]
    /// The part holds the video's last picture.
    let isLast: Bool

    init(_ pieces: [MediaPart], plan: MediaPlan) {
        let work = WorkPlan(media: plan)
        seconds = pieces.map { piece in
            switch piece {
            case .video(let segments, _): work.seconds(of: segments)
            case .whole: max(1, plan.declaredSeconds)
            case .plan, .sound, .pictures: 0
            }
        }
        isLast = pieces.contains { piece in
            switch piece {
            case .video(let segments, _): segments.upperBound == Int.max
            case .whole: true
            case .plan, .sound, .pictures: false
            }
        }
    }

    /// Of the part, 0 to 1: pictures are what takes its time.
    func fraction(piece: Int, percent: Double) -> Double {
        let total = seconds.reduce(0, +)
        guard total > 0 else { return percent / 100 / Double(max(1, seconds.count)) }
        return percent / 100 * seconds[piece] / total
    }

    /// Seconds of the video by rung.
    func seconds(piece: Int, percents: [String: Double]) -> [String: Double] {
        percents.mapValues { $0 / 100 * seconds[piece] }
    }
}
