// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS
import Testing

@testable import Transcode

/// What a source became, with the measures that the tests of inputs take: pictures and samples, decoded by the
/// program ffmpeg.
struct Made {
    static let samplesPerSecond = 48_000

    var folder: String
    var result: MediaResult
    var multivariant: MultivariantPlaylist

    init(_ source: String, preset: String = "ultrafast") throws {
        folder = try TestFiles.folder()
        result = try transcode(source, to: folder, preset: preset)
        guard case .multivariant(let playlist) = try Playlist.parse(try TestFiles.read(folder + "/master.m3u8")) else {
            throw Fragments.Malformed()
        }
        multivariant = playlist
        let report = runCheck(root: FolderReader.address(name: "master.m3u8"), reader: FolderReader(folder: folder))
            .report()
        #expect(report.isConformant, "\(report.findings.filter { $0.severity == .must })")
    }

    /// The rendition with the largest picture.
    func top() throws -> RenditionOutput {
        try #require(result.renditions.filter { $0.kind == .video }.max { $0.width < $1.width })
    }

    func playlist(_ name: String) -> String { "\(folder)/\(name)/index.m3u8" }

    /// One colour at each instant, as red, green and blue, of a picture shrunk to `columns` x `rows`.
    func colors(columns: Int = 2, rows: Int = 2, options: [String] = []) throws -> [[[Int]]] {
        try Self.colors(playlist(try top().name), columns: columns, rows: rows, options: options)
    }

    static func colors(
        _ path: String, columns: Int = 2, rows: Int = 2, crop: String? = nil, options: [String] = []
    ) throws -> [[[Int]]] {
        let crop = crop.map { $0 + "," } ?? ""
        let bytes = try Tool.succeed(
            "ffmpeg",
            ["-v", "error", "-i", path, "-map", "0:v:0"] + options
                + [
                    "-vf",
                    "\(crop)scale=flags=full_chroma_int,format=gbrp,scale=\(columns):\(rows):flags=area,format=rgb24",
                ]
                + ["-vsync", "passthrough"]
                + ["-f", "rawvideo", "-"])
        return stride(from: 0, to: bytes.count, by: columns * rows * 3).map { start in
            (0..<columns * rows).map { place in (0..<3).map { Int(bytes[start + place * 3 + $0]) } }
        }
    }

    /// Mono samples from -1 to 1.
    func samples(_ name: String = "audio") throws -> [Double] {
        let bytes = try Tool.succeed(
            "ffmpeg", ["-v", "error", "-i", playlist(name), "-ac", "1", "-ar", "48000", "-f", "s16le", "-"])
        return stride(from: 0, to: bytes.count - 1, by: 2).map {
            Double(Int16(bitPattern: UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8)) / 32768
        }
    }

    /// The frequency between two seconds, from the zero crossings.
    func tone(_ name: String, from: Double, to: Double) throws -> Double {
        let part = try samples(name)[Int(from * 48_000)..<Int(to * 48_000)]
        let crossings = zip(part, part.dropFirst()).count { $0 < 0 && $1 >= 0 }
        return Double(crossings) / (to - from)
    }

    /// Seconds of the first picture whose mean is bright, and of the first loud sample at or behind `after`.
    func flashAndBeep(after: Double = 0) throws -> (flash: Double, beep: Double) {
        let top = try top()
        let bright = try colors(columns: 1, rows: 1).map { $0[0][1] > 128 }
        let first = Int((after * top.framesPerSecond).rounded())
        let flash = try #require(bright[first...].firstIndex(of: true), "no flash")
        let samples = try samples()
        let beep = try #require(
            samples[Int(after * 48_000)...].firstIndex { abs($0) > 0.02 }, "no beep")
        return (Double(flash) / top.framesPerSecond, Double(beep) / 48_000)
    }

    /// Loudness and true peak of a rendition by the program ffmpeg.
    static func loudness(_ path: String) throws -> (integrated: Double, peak: Double) {
        let tool = try Tool.run(
            "ffmpeg",
            ["-hide_banner", "-nostats", "-i", path, "-map", "0:a:0", "-af", "ebur128=peak=true", "-f", "null", "-"])
        func last(_ pattern: Regex<(Substring, Substring)>) throws -> Double {
            try #require(tool.errors.matches(of: pattern).last.flatMap { Double($0.output.1) })
        }
        return (try last(/I: +(-?[\d.]+) LUFS/), try last(/Peak: +(-?[\d.]+) dBFS/))
    }
}
