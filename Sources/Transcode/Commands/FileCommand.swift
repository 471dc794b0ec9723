// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Glibc

/// `transcode file INPUT --out DIR`: HLS from a file, with no server.
struct FileCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "file", abstract: "Make HLS from a video file.",
        discussion: """
            Writes master.m3u8, a folder for each rendition, poster.jpg, sprite.vtt with its pictures, and preview.mp4. \
            Play DIR/master.m3u8.
            """)

    @Argument(help: "The video file.") var input: String
    @Option(help: "The folder for the result; it is made if it does not exist.") var out: String
    @Option(help: "The preset of x264: \(TranscodeLimits.presets.joined(separator: ", ")).")
    var preset = TranscodeLimits.presetDefault

    func validate() throws {
        guard TranscodeLimits.presets.contains(preset) else {
            throw ValidationError("--preset: allowed are \(TranscodeLimits.presets.joined(separator: ", ")).")
        }
    }

    func run() throws {
        let descriptor = try openInput(input)
        defer { close(descriptor) }
        try makeFolder(out)
        let child = ChildProcess(
            ChildProcess.Job(
                input: descriptor, folder: out, preset: preset,
                confinement: Confinement(
                    memoryBytesMax: TranscodeLimits.memoryBytesMax, secondsMax: TranscodeLimits.secondsMax)))
        var bar = ProgressBar()
        let outcome = try child.run { bar.show(percent: $0) }
        bar.finish()
        switch outcome {
        case .result(let result): print(summary(result))
        case .unusable(let reason), .failed(let reason): throw CleanError(reason)
        case .crashed(let how): throw CleanError("The transcoder crashed on this file (\(how)).")
        case .timedOut: throw CleanError("The file took longer than \(TranscodeLimits.secondsMax) s.")
        case .killed: throw ExitCode.failure
        }
    }

    private func summary(_ result: MediaResult) -> String {
        let names = result.renditions.map { $0.kind == .video ? "\($0.name) \($0.width)x\($0.height)" : $0.name }
        let seconds = (result.durationSeconds * 1000).rounded() / 1000
        return "\(out)/\(PlaylistAssembly.multivariantName): \(seconds) s, " + names.joined(separator: ", ")
    }
}

/// Opens a file that the command line names.
func openInput(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw CleanError(SystemError("open \(path)", code: errno).description) }
    return descriptor
}

/// An error whose text is all that a person should see.
struct CleanError: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}
