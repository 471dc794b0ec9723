// SPDX-License-Identifier: Apache-2.0

import Glibc
import HLS

/// One stored segment.
struct SegmentFile: Sendable, Codable, Equatable {
    /// Its name in the rendition's folder, `0.m4s`.
    var name: String
    var bytes: Int
    var durationSeconds: Double
    /// Where its key frames lie; nil for sound and text.
    var iFrames: [IFrameRange]?

    static func name(_ number: Int) -> String { "\(number).m4s" }
    /// The number in the name; nil for a name that is not a segment's.
    var number: Int? { name.hasSuffix(".m4s") || name.hasSuffix(".vtt") ? Int(name.dropLast(4)) : nil }
}

/// Cuts one rendition's packets into segments and stores them as `init.mp4`, `0.m4s`, `1.m4s`, …
///
/// A unit is a frame of the stream, counted from the video's beginning also where only later segments are made.
/// Packets at and behind a possible cut are held until it is known whether the cut is made (see
/// `SegmentPlan.slackFrames`) and, for sound, whether the picture goes on that long.
final class SegmentWriter {
    static let initializationName = "init.mp4"

    private let muxer: FragmentMuxer
    private let folder: String
    private let unitSeconds: Double
    private let segmentStart: (Int) -> Int
    private let firstSegment: Int
    private let announce: (SegmentFile) -> Void

    private(set) var segments: [SegmentFile] = []
    /// The bytes of `init.mp4`.
    let initialization: [UInt8]
    private var held: [(unit: Int, packet: Packet)] = []
    private var heldFirst = 0
    private var segmentUnits = 0
    private var cutsConfirmed = 0
    private var unitsConfirmed = 0

    /// `folder` must exist. `segmentStart` gives the first unit of a segment; `firstSegment` is the first that is
    /// made. `announce` is told of each segment when its file is whole.
    init(
        muxer: FragmentMuxer, folder: String, unitSeconds: Double, segmentStart: @escaping (Int) -> Int,
        firstSegment: Int = 0, announce: @escaping (SegmentFile) -> Void = { _ in }
    ) throws(MediaError) {
        self.muxer = muxer
        self.folder = folder
        self.unitSeconds = unitSeconds
        self.segmentStart = segmentStart
        self.firstSegment = firstSegment
        self.announce = announce
        initialization = muxer.takeBytes()
        try writeFile("\(folder)/\(Self.initializationName)", initialization)
    }

    /// The segment that is open.
    private var number: Int { firstSegment + segments.count }

    /// Takes the packet of `unit`; units come without gaps.
    func append(_ packet: Packet, unit: Int) {
        held.append((unit, packet))
    }

    /// Units below `units` are wanted, and the first `cuts` cuts of the video are made. Writes what that settles.
    func confirm(units: Int, cuts: Int) throws(MediaError) {
        unitsConfirmed = max(unitsConfirmed, units)
        cutsConfirmed = max(cutsConfirmed, cuts)
        while heldFirst < held.count {
            let next = held[heldFirst]
            guard next.unit < unitsConfirmed else { break }
            if next.unit >= segmentStart(number + 1) {
                guard number < cutsConfirmed else { break }
                try cut()
            }
            try write(next.packet)
            heldFirst += 1
        }
        // Moves the rest to the front now and then, not for every packet.
        if heldFirst > 256 || heldFirst == held.count {
            held.removeFirst(heldFirst)
            heldFirst = 0
        }
    }

    /// Ends the rendition: `units` is its whole length, `cuts` all cuts. Packets beyond are dropped.
    func finish(units: Int, cuts: Int) throws(MediaError) {
        try confirm(units: units, cuts: cuts)
        // What is still held below `units` belongs to the last segment: no further cut is made.
        for (unit, packet) in held[heldFirst...] where unit < units { try write(packet) }
        held = []
        heldFirst = 0
        if segmentUnits > 0 { try cut() }
    }

    private func write(_ packet: Packet) throws(MediaError) {
        if segmentUnits == 0, !packet.isKey { throw MediaError.failed("a segment without a key frame at its start") }
        try muxer.write(packet)
        segmentUnits += 1
    }

    private func cut() throws(MediaError) {
        let bytes = try muxer.cut()
        let segment = SegmentFile(
            name: SegmentFile.name(number), bytes: bytes.count, durationSeconds: Double(segmentUnits) * unitSeconds,
            iFrames: muxer.fragmentsAtKeys ? mp4IFrames(bytes) : nil)
        try writeFile("\(folder)/\(segment.name)", bytes)
        segments.append(segment)
        segmentUnits = 0
        announce(segment)
    }
}
