// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Measures the sound tracks of a file before they are encoded, because a gain must be known from the first sample.
///
/// Opens the file once more. Up to three minutes are measured whole; of longer files 15 parts of 6 s, evenly
/// spread, so that a film does not wait for it. The same file gives the same result each time.
struct LoudnessScan {
    private static let wholeSecondsMax = 180.0
    private static let parts = 15
    private static let partSeconds = 6.0
    /// A file with broken times may never reach a part's end.
    private static let packetsMaxInPart = 20_000

    private struct Track {
        var index: Int
        var timeBase: Double
        var decoder: Decoder
        var meter = LoudnessMeter()
        var isAtEnd = false
    }

    /// The loudness by stream index. Tracks that can not be measured are left out; they are encoded as they are.
    static func measure(descriptor: Int32, streams: [Int], seconds: Double) throws(MediaError) -> [Int: Loudness] {
        guard !streams.isEmpty else { return [:] }
        let demuxer = try Demuxer(descriptor: descriptor)
        demuxer.select(streams: Set(streams))
        var tracks: [Track] = []
        for index in streams where index < demuxer.streams.count {
            let stream = demuxer.streams[index]
            guard let decoder = try? Decoder(stream: stream, threads: 1) else { continue }
            tracks.append(Track(index: index, timeBase: av_q2d(stream.pointee.time_base), decoder: decoder))
        }
        let isWhole = (0...wholeSecondsMax).contains(seconds) && seconds > 0
        if isWhole {
            try readPart(demuxer, &tracks, from: nil)
        } else {
            try readParts(demuxer, &tracks, seconds: seconds)
        }
        var result: [Int: Loudness] = [:]
        for track in tracks { result[track.index] = try track.meter.finish(isWhole: isWhole) }
        return result
    }

    private static func readParts(
        _ demuxer: Demuxer, _ tracks: inout [Track], seconds: Double
    ) throws(MediaError) {
        let start = demuxer.startSeconds
        // A file that does not tell its length is measured at its beginning only.
        let count = seconds > 0 ? parts : 1
        for part in 0..<count {
            let at = start + seconds * (Double(part) + 0.5) / Double(count)
            if seconds > 0, !demuxer.seek(seconds: at) { return }
            for index in tracks.indices {
                tracks[index].decoder.flush()
                tracks[index].isAtEnd = false
            }
            try readPart(demuxer, &tracks, from: seconds > 0 ? at : start)
        }
    }

    /// Reads a part that begins about at `from`, or all of the file.
    private static func readPart(
        _ demuxer: Demuxer, _ tracks: inout [Track], from: Double?
    ) throws(MediaError) {
        let packet = try Packet()
        var packets = 0
        while try demuxer.read(into: packet) {
            packets += 1
            if from != nil, packets > packetsMaxInPart || tracks.allSatisfy(\.isAtEnd) { return }
            guard let number = tracks.firstIndex(where: { $0.index == packet.streamIndex }) else { continue }
            let time = packet.pointer.pointee.pts
            if let from, time != spw_av_no_timestamp() {
                let seconds = Double(time) * tracks[number].timeBase
                tracks[number].isAtEnd = seconds >= from + partSeconds
                if tracks[number].isAtEnd || seconds < from - 1 { continue }
            }
            let meter = tracks[number].meter
            try tracks[number].decoder.decode(packet) { (frame) throws(MediaError) in try meter.push(frame) }
        }
    }
}
