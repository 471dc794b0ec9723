// SPDX-License-Identifier: Apache-2.0

import HLS

/// One sample of a fragment, times in units of the track.
struct Sample {
    var decodeTime: Int
    var presentationTime: Int
    var duration: Int
    var isSync: Bool
    var bytes: ArraySlice<UInt8>

    /// True when the sample is an H.264 picture that starts anew: its first slice is of an IDR (NAL type 5).
    var isIDR: Bool {
        var rest = bytes
        while rest.count > 4 {
            let length = rest.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(4)
            guard let first = rest.first else { return false }
            let type = first & 0x1F
            if (1...5).contains(type) { return type == 5 }
            rest = rest.dropFirst(length)
        }
        return false
    }
}

/// Reads the samples of segments by ISO/IEC 14496-12 sections 8.8.7 and 8.8.8, apart from the code under test
/// but for the walk over the boxes.
enum Fragments {
    struct Malformed: Error {}

    /// Big-endian numbers, read one after another.
    private struct Reader {
        var bytes: ArraySlice<UInt8>

        mutating func number(_ count: Int) throws -> Int {
            guard bytes.count >= count else { throw Malformed() }
            defer { bytes = bytes.dropFirst(count) }
            return bytes.prefix(count).reduce(0) { $0 << 8 | Int($1) }
        }
    }

    private struct Defaults {
        var duration = 0
        var size = 0
        var flags = 0
    }

    /// The units of a second, from the media header of an initialization segment.
    static func timescale(initialization bytes: [UInt8]) throws -> Int {
        guard let box = mp4Box(in: bytes, path: ["moov", "trak", "mdia", "mdhd"]) else { throw Malformed() }
        var reader = Reader(bytes: bytes[box.body])
        _ = try reader.number(bytes[box.body.lowerBound] == 1 ? 20 : 12)
        return try reader.number(4)
    }

    static func samples(segment bytes: [UInt8]) throws -> [Sample] {
        guard let all = mp4Boxes(in: bytes) else { throw Malformed() }
        var samples: [Sample] = []
        for moof in all where moof.type == "moof" {
            let added = try fragment(bytes, moof)
            // The fragments of a segment continue each other.
            if let last = samples.last, added.first?.decodeTime != last.decodeTime + last.duration { throw Malformed() }
            samples += added
        }
        guard !samples.isEmpty else { throw Malformed() }
        return samples
    }

    private static func fragment(_ bytes: [UInt8], _ moof: MP4Box) throws -> [Sample] {
        guard let track = mp4Box(in: bytes, path: ["traf"], range: moof.body),
            let boxes = mp4Boxes(in: bytes, range: track.body),
            let tfdt = mp4Box(in: bytes, path: ["tfdt"], range: track.body)
        else { throw Malformed() }
        var times = Reader(bytes: bytes[tfdt.body])
        var time = try times.number(4) >> 24 == 1 ? times.number(8) : times.number(4)
        var defaults = Defaults()
        var samples: [Sample] = []
        for box in boxes {
            var reader = Reader(bytes: bytes[box.body])
            if box.type == "tfhd" { defaults = try header(&reader) }
            if box.type == "trun" {
                let added = try run(&reader, of: bytes, base: moof.body.lowerBound - 8, defaults, from: time)
                samples += added
                time = added.last.map { $0.decodeTime + $0.duration } ?? time
            }
        }
        return samples
    }

    private static func header(_ reader: inout Reader) throws -> Defaults {
        let flags = try reader.number(4)
        // default-base-is-moof (CMAF, ISO/IEC 23000-19 section 7.5.16).
        guard flags & 0x20000 != 0, flags & 1 == 0 else { throw Malformed() }
        _ = try reader.number(4)
        var defaults = Defaults()
        if flags & 0x2 != 0 { _ = try reader.number(4) }
        if flags & 0x8 != 0 { defaults.duration = try reader.number(4) }
        if flags & 0x10 != 0 { defaults.size = try reader.number(4) }
        if flags & 0x20 != 0 { defaults.flags = try reader.number(4) }
        return defaults
    }

    private static func run(
        _ reader: inout Reader, of bytes: [UInt8], base: Int, _ defaults: Defaults, from start: Int
    ) throws -> [Sample] {
        let version = try reader.number(1)
        let flags = try reader.number(3)
        let count = try reader.number(4)
        guard flags & 1 != 0 else { throw Malformed() }
        var position = base + (try reader.number(4))
        let firstFlags = flags & 4 != 0 ? try reader.number(4) : nil
        var time = start
        return try (0..<count).map { index in
            let duration = flags & 0x100 != 0 ? try reader.number(4) : defaults.duration
            let size = flags & 0x200 != 0 ? try reader.number(4) : defaults.size
            let own = flags & 0x400 != 0 ? try reader.number(4) : defaults.flags
            var offset = flags & 0x800 != 0 ? try reader.number(4) : 0
            if version == 1, offset >= 1 << 31 { offset -= 1 << 32 }
            guard position >= 0, size >= 0, position + size <= bytes.count else { throw Malformed() }
            defer {
                position += size
                time += duration
            }
            // sample_is_non_sync_sample (section 8.8.3.1).
            let isSync = (index == 0 ? firstFlags ?? own : own) & 0x10000 == 0
            return Sample(
                decodeTime: time, presentationTime: time + offset, duration: duration, isSync: isSync,
                bytes: bytes[position..<position + size])
        }
    }
}
