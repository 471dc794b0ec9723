// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

@testable import Transcode

/// The sources that are transcoded, each made once a run by the program ffmpeg.
enum Clip: String, CaseIterable, Sendable {
    /// 1280x720, 25 fps, 13 s, with sound; black and silent for the first 2 s.
    case wide
    /// 720x1280, 30 fps, 4 s, no sound.
    case upright
    /// 320x180, 30000/1001 fps, 13 s, with sound.
    case film
    /// 640x360 with a display matrix that turns it by a quarter.
    case rotated
    /// 853x481, in Matroska.
    case odd
    /// Pictures in uneven steps, 7 s; black for the first 2 s.
    case varying
    /// 5 s of pictures, 3 s of mono sound at 44,100 Hz.
    case shortSound

    /// The file, made when it is first asked for.
    func source() throws -> String { try Self.sources[self, default: .failure(Missing())].get() }

    private struct Missing: Error {}

    private static let sources = Dictionary(
        uniqueKeysWithValues: allCases.map { clip in (clip, Result { try clip.make() }) })

    private func make() throws -> String {
        let file = TestFiles.root + "/\(rawValue)." + (self == .odd ? "mkv" : "mp4")
        let encoding = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", self == .odd ? "yuv444p" : "yuv420p"]
        let black = "drawbox=t=fill:c=black:enable='lt(t,2)'"
        switch self {
        case .wide:
            let beep = "aevalsrc='if(gte(t,2),0.5*sin(2*PI*1000*t),0)':s=48000:d=13"
            try Self.ffmpeg(
                ["testsrc2=size=1280x720:rate=25:duration=13,\(black)", beep],
                encoding + ["-c:a", "aac", "-metadata:s:a", "language=deu"], file)
        case .upright: try Self.ffmpeg(["testsrc2=size=720x1280:rate=30:duration=4"], encoding, file)
        case .film:
            try Self.ffmpeg(
                ["testsrc2=size=320x180:rate=30000/1001:duration=13", "sine=duration=13:sample_rate=48000"],
                encoding + ["-c:a", "aac"], file)
        case .rotated:
            let plain = file + ".plain.mp4"
            try Self.ffmpeg(["testsrc2=size=640x360:rate=25:duration=3"], encoding, plain)
            try Tool.succeed(
                "ffmpeg", ["-v", "error", "-i", plain, "-c", "copy", "-metadata:s:v:0", "rotate=90", file])
        case .odd:
            try Self.ffmpeg(
                ["testsrc2=size=1280x720:rate=25:duration=3,format=yuv444p,scale=853:481,setsar=1"], encoding, file)
        case .varying:
            let source = "testsrc2=size=320x180:rate=30:duration=7,\(black),select='lt(mod(n,7),4)'"
            try Self.ffmpeg([source], encoding + ["-vsync", "vfr"], file)
        case .shortSound:
            try Self.ffmpeg(
                ["testsrc2=size=320x180:rate=25:duration=5", "sine=duration=3:sample_rate=44100"],
                encoding + ["-ac", "1", "-c:a", "aac"], file)
        }
        return file
    }

    /// Makes a file from generators of libavfilter.
    static func ffmpeg(_ generators: [String], _ options: [String], _ file: String) throws {
        let inputs = generators.flatMap { ["-f", "lavfi", "-i", $0] }
        try Tool.succeed("ffmpeg", ["-v", "error"] + inputs + options + [file])
    }
}

/// Transcodes in this process; tells the progress.
func transcode(
    _ path: String, to folder: String, preset: String = "ultrafast", report: @escaping (Double) -> Void = { _ in }
) throws -> MediaResult {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Tool.Failure(description: "open \(path)") }
    defer { close(descriptor) }
    let progress = Mutex<[Double]>([])
    let transcoder = Transcoder(descriptor: descriptor, folder: folder, preset: preset) { message in
        if case .progress(let percent) = message { progress.withLock { $0.append(percent) } }
    }
    let result = try transcoder.whole()
    for percent in progress.withLock({ $0 }) { report(percent) }
    return result
}
