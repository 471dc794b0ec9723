// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import Glibc
import HLS

/// The rungs of a part at work: the reader's thread feeds the largest, which feeds the next smaller, and so on.
///
/// Belongs to the reader's thread. Dies by `finish` or `cancel`, which wait for the rungs' threads.
final class RungCascade {
    /// A rung and the segments of it that are made.
    struct Share {
        var rung: Rung
        var segments: Range<Int>
    }

    /// So many pictures wait for their types at most: more than the encoder that decides looks ahead at (ten in the
    /// preset `veryfast`, and a row of B pictures).
    private static let waitingMax = 32

    /// Largest first.
    private let rungs: [RungPipeline]
    /// The size of the pictures that it takes.
    let size: PictureSize

    /// `shares` has one at least, lowest rung first. The larger rungs wait until the lowest has `headFrames` pictures.
    init(
        _ source: MediaSource, shares: [Share], folder: String, preset: String, headFrames: Int = 0,
        announce: @escaping @Sendable (ChildMessage) -> Void
    ) throws(MediaError) {
        guard let top = shares.last else { throw MediaError.failed("a part without rungs") }
        size = top.rung.size
        let cores = max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN)))
        let color = ColorDescription(source: source.stream.pointee.codecpar.pointee)
        let deciding = Self.decidingIndex(shares, preset: preset)
        let types = deciding.map { index in
            FrameTypes(
                firstNumber: source.cuts.frames(segments: shares[index].segments).lowerBound, headFrames: headFrames)
        }
        var made: [RungPipeline] = []
        for (index, share) in shares.enumerated() {
            let rung = share.rung
            let isTop = index == shares.count - 1
            try makeFolder("\(folder)/\(rung.name)")
            let role = Self.role(index, deciding: deciding, types, waitingMax: headFrames + Self.waitingMax)
            var settings = VideoSettings(
                size: rung.size, frameRate: source.cuts.frameRate, gopFrames: source.cuts.gopFrames,
                bitsPerSecondMax: rung.videoBitsPerSecondMax, preset: preset,
                threads: Self.encoderThreads(cores: cores, rungs: shares.count, isTop: isTop), color: color)
            if case .follows = role { settings.followsTypes = true }
            // One variant must be small enough for mobile phones; where there is sound that is a variant of its own.
            if rung == source.ladder.first, source.soundStreams.isEmpty, source.declaredSeconds > 0 {
                settings.bufferSeconds = VideoSettings.bufferSeconds(
                    videoSeconds: source.declaredSeconds, bitsPerSecondMax: rung.videoBitsPerSecondMax,
                    peakMax: PlaylistAssembly.cellularBitsPerSecondMax)
            }
            let task = RungPipeline.Task(
                rung: rung, inputSize: isTop ? rung.size : shares[index + 1].rung.size, segments: share.segments,
                cuts: source.cuts, settings: settings, types: role,
                folder: "\(folder)/\(rung.name)")
            made.append(RungPipeline(task, next: made.last, announce: announce))
        }
        rungs = made.reversed()
    }

    /// Starts the rungs' threads. When it throws, `cancel` ends those that run.
    func start() throws(MediaError) {
        for rung in rungs { try rung.start() }
    }

    /// Hands over picture `number` of the output; waits while the largest rung has enough.
    func push(_ frame: Frame, number: Int) throws(MediaError) {
        guard !rungs[0].push(frame, number: number) else { return }
        // A rung has failed; its own error is the reason.
        throw rungs[0].failure ?? MediaError.failed("the rung \(rungs[0].task.rung.name) ended early")
    }

    /// Tells the end, waits for all, and gives what was made, lowest first.
    func finish() throws(MediaError) -> [RenditionOutput] {
        var outputs: [RenditionOutput] = []
        for rung in rungs { outputs.append(try rung.finish()) }
        return outputs.reversed()
    }

    /// Drops the work and waits for the threads.
    func cancel() {
        for rung in rungs { rung.cancel() }
    }

    /// The frames that each rung has encoded.
    var framesEncoded: [(rung: Rung, frames: Int)] { rungs.map { ($0.task.rung, $0.framesEncoded) } }

    /// Whether the rungs of a cascade with this preset share the types of their pictures. Others look further ahead,
    /// so that more pictures would have to wait.
    static func sharesTypes(preset: String) -> Bool { preset == "veryfast" }

    /// The largest rung up to 480p that begins as early as any and has one above it to follow. A smaller one would find
    /// other places: what moves a little, or is noise, is lost in it.
    private static func decidingIndex(_ shares: [Share], preset: String) -> Int? {
        guard sharesTypes(preset: preset), let first = shares.map(\.segments.lowerBound).min() else { return nil }
        let possible = shares.indices.dropLast().filter { shares[$0].segments.lowerBound == first }
        let small = possible.last { shares[$0].rung.size.width * shares[$0].rung.size.height <= 854 * 480 }
        return small ?? possible.first
    }

    private static func role(
        _ index: Int, deciding: Int?, _ types: FrameTypes?, waitingMax: Int
    ) -> RungPipeline.TypesRole {
        guard let deciding, let types, index >= deciding else { return .none }
        return index == deciding ? .decides(types) : .follows(types, waitingMax: waitingMax)
    }

    /// One thread each while there are more rungs than cores; the spare cores go to the largest rung, which has two
    /// in any case: it is half of the work, and the others wait for it.
    private static func encoderThreads(cores: Int, rungs: Int, isTop: Bool) -> Int {
        isTop && cores > 1 ? min(16, max(2, cores - rungs + 1)) : 1
    }
}
