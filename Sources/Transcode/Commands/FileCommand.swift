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
            Play DIR/master.m3u8: it can be played from its first seconds on, while the rest is in work.
            """)

    @Argument(help: "The video file.") var input: String
    @Option(help: "The folder for the result; it is made if it does not exist.") var out: String
    @Option(help: "The preset of x264: \(TranscodeLimits.presets.joined(separator: ", ")).")
    var preset = TranscodeLimits.presetDefault
    @Option(help: "How many processes work at once, each on a chunk of the video.") var jobs = 1
    @Option(help: "What the kernel must offer: required (a filter of system calls), whereAvailable.")
    var confinement = ConfinementMode.required

    func validate() throws {
        guard TranscodeLimits.presets.contains(preset) else {
            throw ValidationError("--preset: allowed are \(TranscodeLimits.presets.joined(separator: ", ")).")
        }
        guard (1...TranscodeLimits.jobsMax).contains(jobs) else {
            throw ValidationError("--jobs: 1 to \(TranscodeLimits.jobsMax).")
        }
    }

    func run() throws {
        for sentence in KernelSupport.ofThisKernel.shortcomings { printError(sentence) }
        let descriptor = try openInput(input)
        defer { close(descriptor) }
        try makeFolder(out)
        let job = ChildProcess.Job(
            input: descriptor, folder: out, preset: preset,
            confinement: Confinement(
                memoryBytesMax: TranscodeLimits.memoryBytesMax, secondsMax: TranscodeLimits.secondsMax,
                isRequired: confinement == .required))
        let bar = ProgressBar()
        let result = Result { try jobs > 1 ? inParts(job, bar: bar) : whole(job, bar: bar) }
        bar.finish()
        print(summary(try result.get()))
    }

    private func whole(_ job: ChildProcess.Job, bar: ProgressBar) throws -> MediaResult {
        let outcome = try ChildProcess(job).listen { message in
            guard case .rungs(let percents) = message else { return }
            bar.show(Self.ordered(percents))
        }
        guard case .result(let result) = outcome else { throw error(outcome) }
        return result
    }

    private func inParts(_ job: ChildProcess.Job, bar: ProgressBar) throws -> MediaResult {
        var planning = job
        planning.part = .plan
        let planned = try ChildProcess(planning).listen { _ in }
        guard case .plan(let plan) = planned else { throw error(planned) }
        // One chunk only: a child that does everything needs fewer passes.
        guard plan.chunks.count > 1 else { return try whole(job, bar: bar) }
        switch try PartedVideo(plan, job: job, show: bar.show).run(jobs: jobs) {
        case .result(let result): return result
        case .failed(let outcome): throw error(outcome)
        }
    }

    private func error(_ outcome: ChildOutcome) -> any Error {
        switch outcome {
        case .unusable(let reason), .failed(let reason): CleanError(reason)
        case .crashed(let fault): CleanError("\(fault.sentence) (\(fault))")
        case .timedOut: CleanError("The file took longer than \(TranscodeLimits.secondsMax) s.")
        case .killed: ExitCode.failure
        case .result, .plan: CleanError("The transcoder did another part of the work than it was asked for.")
        }
    }

    /// By the number in the name: 240p before 1080p.
    private static func ordered(_ percents: [String: Double]) -> [(rung: String, percent: Double)] {
        percents.sorted { (Int($0.key.dropLast()) ?? 0) < (Int($1.key.dropLast()) ?? 0) }.map { ($0.key, $0.value) }
    }

    private func summary(_ result: MediaResult) -> String {
        let names = result.renditions.map { $0.isVideo ? "\($0.name) \($0.width)x\($0.height)" : $0.name }
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
