// SPDX-License-Identifier: Apache-2.0

import Glibc

/// The kinds of traces that can be made.
enum TraceKind: String, CaseIterable, Sendable {
    /// Every request is drawn from one Zipf distribution.
    case zipf
    /// Zipf, but ranks change hands: on the average, each object gets another popularity twice.
    case drift
    /// Zipf, and four times a reader goes through cold objects that nobody else asks for; meanwhile every second request
    /// is its.
    case scan
    /// Zipf, and ten times a new video takes 60 % of all requests at once, and then fades.
    case viral
    /// Viewers who walk through the segments of a video in order, and mostly leave before its end.
    case video
}

/// Makes a trace from a seed: the same one each time.
struct TraceGenerator: Sendable {
    var seed: UInt64 = 1
    var requests = 1_000_000
    /// Objects that can be asked for; the kinds add some of their own.
    var objects = 100_000
    var skew = 0.9

    /// Between two requests of the kinds that have no viewers.
    private static let requestMilliseconds = 5
    private static let scanCount = 4
    private static let eventCount = 10
    private static let eventObjects = 30
    private static let eventShare = 0.6
    /// An event's share halves in this part of the time between two of them.
    private static let eventHalfLife = 0.25

    func make(_ kind: TraceKind) -> Trace {
        var random = SeededGenerator(seed: seed)
        switch kind {
        case .zipf: return makeZipf(&random)
        case .drift: return makeDrift(&random)
        case .scan: return makeScan(&random)
        case .viral: return makeViral(&random)
        case .video:
            return VideoTrace(objects: objects, skew: skew, &random).make(requests: requests, &random)
        }
    }

    private func makeZipf(_ random: inout SeededGenerator) -> Trace {
        let zipf = ZipfDistribution(count: objects, skew: skew)
        let sizes = makeSizes(objects, &random)
        return trace(.zipf, sizes) { _ in zipf.rank(&random) }
    }

    private func makeDrift(_ random: inout SeededGenerator) -> Trace {
        let zipf = ZipfDistribution(count: objects, skew: skew)
        let sizes = makeSizes(objects, &random)
        var objectOfRank = Array(0..<objects)
        var swapsDone = 0
        return trace(.drift, sizes) { index in
            // As many exchanges of two ranks as there are objects.
            while swapsDone < objects * index / requests {
                objectOfRank.swapAt(.random(in: 0..<objects, using: &random), .random(in: 0..<objects, using: &random))
                swapsDone += 1
            }
            return objectOfRank[zipf.rank(&random)]
        }
    }

    private func makeScan(_ random: inout SeededGenerator) -> Trace {
        let zipf = ZipfDistribution(count: objects, skew: skew)
        // The popular ones and as many cold ones, but a scan must fit between two starts.
        let period = max(1, requests / Self.scanCount)
        let scanned = min(objects / Self.scanCount, period / 4)
        let sizes = makeSizes(objects + scanned * Self.scanCount, &random)
        return trace(.scan, sizes) { index in
            let inside = index % period - period / 4
            let number = min(index / period, Self.scanCount - 1)
            guard inside >= 0, inside < 2 * scanned, inside % 2 == 0 else { return zipf.rank(&random) }
            return objects + number * scanned + inside / 2
        }
    }

    private func makeViral(_ random: inout SeededGenerator) -> Trace {
        let zipf = ZipfDistribution(count: objects, skew: skew)
        let period = max(1, requests / Self.eventCount)
        var sizes = makeSizes(objects, &random)
        for _ in 0..<((Self.eventCount + 1) * Self.eventObjects) {
            sizes.append(Int(random.logarithmic(1_000_000, 4_000_000)))
        }
        return trace(.viral, sizes) { index in
            let age = Double(index % period) / Double(period)
            guard random.unit() < Self.eventShare * exp2(-age / Self.eventHalfLife) else { return zipf.rank(&random) }
            return objects + index / period * Self.eventObjects + .random(in: 0..<Self.eventObjects, using: &random)
        }
    }

    private func trace(_ kind: TraceKind, _ sizes: [Int], object: (Int) -> Int) -> Trace {
        let made = (0..<requests).map { index in
            Trace.Request(milliseconds: Int64(index * Self.requestMilliseconds), object: object(index))
        }
        return Trace(name: kind.rawValue, requests: made, objectBytes: sizes)
    }

    /// What an edge for video holds: a tenth playlists, a tenth pictures and captions, few large files, else segments.
    private func makeSizes(_ count: Int, _ random: inout SeededGenerator) -> [Int] {
        (0..<count).map { _ in
            switch random.unit() {
            case ..<0.10: Int(random.logarithmic(200, 8000))
            case ..<0.20: Int(random.logarithmic(8000, 250_000))
            case ..<0.97: Int(random.logarithmic(250_000, 4_000_000))
            default: Int(random.logarithmic(4_000_000, 32_000_000))
            }
        }
    }
}
