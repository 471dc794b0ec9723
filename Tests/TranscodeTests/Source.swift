// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS

@testable import Transcode

/// Small sources for the tests of inputs, made by the program ffmpeg.
enum Source {
    static let h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
    static let aac = ["-c:a", "aac"]

    /// White from `at` for 0.2 s, black else.
    static func flash(at: Double, seconds: Double, rate: String = "25", size: String = "64x36") -> String {
        "color=black:s=\(size):r=\(rate):d=\(seconds),drawbox=t=fill:c=white:enable='between(t,\(at - 0.001),\(at + 0.2))'"
    }

    /// A tone of 1 kHz from `at` for 0.2 s, silence else.
    static func beep(at: Double, seconds: Double, rate: Int = 48_000) -> String {
        "aevalsrc='if(between(t,\(at),\(at + 0.2)),0.4*sin(2*PI*1000*t),0)':s=\(rate):d=\(seconds)"
    }

    /// Red, green, blue and white in the quarters of the picture, from the upper left on.
    static func quarters(size: String = "64x32", rate: String = "25", seconds: Double = 1) -> String {
        let left = "lt(X,W/2)"
        let upper = "lt(Y,H/2)"
        return "nullsrc=s=\(size):r=\(rate):d=\(seconds),geq=r='255*if(\(upper),\(left),not(\(left)))'"
            + ":g='255*not(\(left))':b='255*not(\(upper))',format=gbrp"
    }

    /// What `quarters` must look like: red, green, blue and white.
    static let quarterColors = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]

    /// A file from generators.
    static func make(_ name: String, _ generators: [String], _ options: [String]) throws -> String {
        let file = try TestFiles.folder() + "/" + name
        try Clip.ffmpeg(generators, options, file)
        return file
    }

    /// A file from others.
    static func remake(_ name: String, _ arguments: [String]) throws -> String {
        let file = try TestFiles.folder() + "/" + name
        try Tool.succeed("ffmpeg", ["-v", "error"] + arguments + [file])
        return file
    }

    /// An MP4 whose video's matrix (ISO/IEC 14496-12 section 8.3.2) is replaced: a picture's point (x, y) is shown at
    /// (ax + cy, bx + dy).
    static func turned(_ file: String, a: Int, b: Int, c: Int, d: Int) throws -> String {
        var bytes = try TestFiles.read(file)
        guard let header = mp4Box(in: bytes, path: ["moov", "trak", "tkhd"]), bytes[header.body.lowerBound] == 0 else {
            throw Fragments.Malformed()
        }
        for (index, value) in [a, b, 0, c, d, 0, 0, 0, 1].enumerated() {
            let fixed = UInt32(bitPattern: Int32(value << (index % 3 == 2 ? 30 : 16)))
            for byte in 0..<4 {
                bytes[header.body.lowerBound + 40 + 4 * index + byte] = UInt8(fixed >> (24 - 8 * byte) & 0xFF)
            }
        }
        return try TestFiles.file(bytes)
    }
}

/// The largest distance of any part of two lists of colours.
func distance(_ one: [[Int]], _ other: [[Int]]) -> Int {
    zip(one.joined(), other.joined()).map { abs($0 - $1) }.max() ?? 255
}
