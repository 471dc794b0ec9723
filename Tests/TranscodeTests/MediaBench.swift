// SPDX-License-Identifier: Apache-2.0

import Foundation
import HLS

@testable import Transcode

/// A folder for one test's clips and results, and the programs `ffmpeg` and `ffprobe` as makers and judges.
final class MediaBench: Sendable {
    static let hasTools = ["ffmpeg", "ffprobe"].allSatisfy { name in
        FileManager.default.isExecutableFile(atPath: "/usr/bin/\(name)")
    }

    let root: String

    init() throws {
        root = FileManager.default.temporaryDirectory.path + "/spillway-media-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    }

    deinit {
        try? FileManager.default.removeItem(atPath: root)
    }

    struct ToolError: Error {
        var text: String
    }

    /// Runs a tool in the bench's folder; gives its standard output, and its standard error apart.
    @discardableResult
    func run(_ tool: String, _ arguments: [String]) throws -> (output: String, errors: String) {
        let process = Process()
        process.executableURL = URL(filePath: "/usr/bin/\(tool)")
        process.arguments = arguments
        process.currentDirectoryURL = URL(filePath: root)
        process.standardInput = FileHandle.nullDevice
        // Files, not pipes: a full pipe would stop the tool.
        let id = UInt64.random(in: 0 ... .max)
        let paths = ["\(root)/\(id).out", "\(root)/\(id).err"]
        let files = try paths.map { path in
            try Data().write(to: URL(filePath: path))
            return try FileHandle(forWritingTo: URL(filePath: path))
        }
        process.standardOutput = files[0]
        process.standardError = files[1]
        try process.run()
        process.waitUntilExit()
        let texts = try paths.map { try String(decoding: Data(contentsOf: URL(filePath: $0)), as: UTF8.self) }
        guard process.terminationStatus == 0 else { throw ToolError(text: "\(tool) \(arguments): \(texts[1])") }
        return (texts[0], texts[1])
    }

    /// Makes a clip with ffmpeg from the given arguments; returns its path.
    func clip(_ name: String, _ arguments: [String]) throws -> String {
        try run("ffmpeg", ["-v", "error", "-y"] + arguments + [name])
        return "\(root)/\(name)"
    }

    /// A moving test picture with a tone, coded by x264 and AAC.
    func testClip(_ name: String, size: String, rate: String, seconds: Double, options: [String] = []) throws -> String
    {
        try clip(
            name,
            ["-f", "lavfi", "-i", "testsrc2=s=\(size):r=\(rate):d=\(seconds)"]
                + ["-f", "lavfi", "-i", "sine=440:r=44100:d=\(seconds)"]
                + ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"] + options)
    }

    func file(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        try Data(bytes).write(to: URL(filePath: "\(root)/\(name)"))
        return "\(root)/\(name)"
    }

    func bytes(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(filePath: path)))
    }

    /// Transcodes in this process into the folder `out` of the bench; throws `MediaError`.
    func transcode(_ path: String, preset: String = "ultrafast") throws -> Output {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw ToolError(text: "open \(path)") }
        defer { close(descriptor) }
        let folder = "\(root)/out-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let result = try Transcoder(descriptor: descriptor, folder: folder, preset: preset) { _ in }.run()
        return Output(bench: self, folder: folder, result: result)
    }

    /// The sentence with which a file is refused; nil when it is accepted.
    func refusal(_ path: String) throws -> String? {
        do {
            _ = try transcode(path)
            return nil
        } catch MediaError.unusable(let reason) {
            return reason
        }
    }

    /// A finished transcode on disk.
    struct Output {
        let bench: MediaBench
        let folder: String
        let result: MediaResult

        func multivariant() throws -> MultivariantPlaylist {
            guard case .multivariant(let playlist) = try Playlist.parse(bench.bytes("\(folder)/master.m3u8")) else {
                throw ToolError(text: "master.m3u8 is not a multivariant playlist")
            }
            return playlist
        }

        func media(_ rendition: String) throws -> MediaPlaylist {
            guard case .media(let playlist) = try Playlist.parse(bench.bytes("\(folder)/\(rendition)/index.m3u8"))
            else {
                throw ToolError(text: "\(rendition)/index.m3u8 is not a media playlist")
            }
            return playlist
        }

        func segment(_ rendition: String, _ name: String) throws -> [UInt8] {
            try bench.bytes("\(folder)/\(rendition)/\(name)")
        }

        /// What ffprobe says of `init.mp4` with the given segments: rows of the named entries.
        func probe(_ rendition: String, segments: [String], entries: String) throws -> [String] {
            var bytes = try segment(rendition, "init.mp4")
            for name in segments { bytes += try segment(rendition, name) }
            let path = try bench.file("probe.mp4", bytes)
            let text = try bench.run(
                "ffprobe", ["-v", "error", "-count_packets", "-show_entries", entries, "-of", "csv=p=0", path]
            ).output
            return text.split(separator: "\n").map(String.init)
        }
    }
}
