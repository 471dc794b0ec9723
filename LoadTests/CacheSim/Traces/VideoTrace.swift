// SPDX-License-Identifier: Apache-2.0

/// Viewers of a catalog of videos. Each chooses a video by a Zipf distribution, takes its playlists and the
/// initialization segment, then one segment after the other: the first ones fast, then one for each that is played. Most
/// leave early; some change the rung on the way.
struct VideoTrace {
    private struct Video {
        let segments: Int
        /// Of its multivariant playlist; those of the rungs follow.
        let firstObject: Int
    }

    private struct Rung {
        let segmentBytes: Double
        /// Of a hundred viewers, so many start here.
        let share: Int
    }

    private static let rungs = [
        Rung(segmentBytes: 375_000, share: 10), Rung(segmentBytes: 900_000, share: 20),
        Rung(segmentBytes: 1_900_000, share: 30), Rung(segmentBytes: 3_750_000, share: 40),
    ]
    private static let segmentsLeast = 3.0
    private static let segmentsMost = 120.0
    private static let segmentMilliseconds: Int64 = 6000
    /// Segments that a player fetches ahead, and how fast it does that.
    private static let bufferedSegments = 5
    private static let bufferingMilliseconds: Int64 = 700
    private static let arrivalMilliseconds = 60.0
    /// After each of the first three segments, so many leave; later, so many.
    private static let leavingEarly = 0.15
    private static let leavingLater = 0.02
    private static let rungChange = 0.03

    private var videos: [Video] = []
    private var objectBytes: [Int] = []
    private let popularity: ZipfDistribution

    /// A catalog of about so many objects, and one video at least.
    init(objects: Int, skew: Double, _ random: inout SeededGenerator) {
        var videos: [Video] = []
        var objectBytes: [Int] = []
        repeat {
            let segments = Int(random.logarithmic(Self.segmentsLeast, Self.segmentsMost))
            videos.append(Video(segments: segments, firstObject: objectBytes.count))
            objectBytes.append(600)
            for rung in Self.rungs {
                objectBytes += [200 + 40 * segments, 1200]
                for _ in 0..<segments { objectBytes.append(Int(rung.segmentBytes * (0.6 + 0.8 * random.unit()))) }
            }
        } while objectBytes.count < objects
        popularity = ZipfDistribution(count: videos.count, skew: skew)
        self.videos = videos
        self.objectBytes = objectBytes
    }

    func make(requests count: Int, _ random: inout SeededGenerator) -> Trace {
        var requests: [Trace.Request] = []
        var start = 0.0
        // More than wanted: the sessions that come last are cut off in the middle.
        while requests.count < count + count / 5 {
            start += random.exponential(mean: Self.arrivalMilliseconds)
            watch(videos[popularity.rank(&random)], from: Int64(start), &requests, &random)
        }
        requests.sort { ($0.milliseconds, $0.object) < ($1.milliseconds, $1.object) }
        return Trace(
            name: TraceKind.video.rawValue, requests: Array(requests.prefix(count)), objectBytes: objectBytes)
    }

    private func watch(
        _ video: Video, from start: Int64, _ requests: inout [Trace.Request], _ random: inout SeededGenerator
    ) {
        var time = start
        var rung = startRung(&random)
        func request(_ object: Int) { requests.append(.init(milliseconds: time, object: object)) }
        func first(_ rung: Int) -> Int { video.firstObject + 1 + rung * (video.segments + 2) }
        request(video.firstObject)
        request(first(rung))
        request(first(rung) + 1)
        for segment in 0..<video.segments {
            request(first(rung) + 2 + segment)
            time += segment < Self.bufferedSegments ? Self.bufferingMilliseconds : Self.segmentMilliseconds
            if random.unit() < (segment < 3 ? Self.leavingEarly : Self.leavingLater) { return }
            if random.unit() < Self.rungChange {
                let next = max(0, min(Self.rungs.count - 1, rung + (Bool.random(using: &random) ? 1 : -1)))
                guard next != rung else { continue }
                rung = next
                request(first(rung))
                request(first(rung) + 1)
            }
        }
    }

    private func startRung(_ random: inout SeededGenerator) -> Int {
        var drawn = Int.random(in: 0..<100, using: &random)
        for (index, rung) in Self.rungs.enumerated() {
            drawn -= rung.share
            if drawn < 0 { return index }
        }
        return Self.rungs.count - 1
    }
}
