// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc

/// The process that parses and transcodes one stranger's file; spawned by `ChildProcess`, not by people.
struct MediaChildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media-child", abstract: "Transcode the file open as descriptor 3 (used internally).",
        shouldDisplay: false)

    @Option(help: "The preset of x264.") var preset: String
    @Option(help: "The part of the work as JSON.") var part: String
    @Option(help: "The process that must live as long as this one.") var parent: Int32
    @Option(help: "The most address space in bytes.") var memoryBytes: Int
    @Option(help: "The most wall-clock seconds.") var seconds: Int
    @Option(help: "What the kernel must offer: required, whereAvailable.") var confinement: ConfinementMode

    func run() throws {
        let output = ChildOutput(descriptor: STDOUT_FILENO)
        // Before the confinement, which closes /proc.
        let memory = try prepare(output)
        do throws(MediaError) {
            try confine()
            try output.say(try transcode(output))
        } catch {
            try fail(error, memory, output)
        }
    }

    private func prepare(_ output: ChildOutput) throws -> MemoryWatch {
        do throws(MediaError) {
            try Confinement.leaveParent()
            try Confinement.dieWith(parent: parent)
        } catch {
            try output.say(.failed(error.message))
            throw ExitCode.failure
        }
        OutputFiles.handOver(to: output)
        return MemoryWatch()
    }

    private func confine() throws(MediaError) {
        try Confinement(
            memoryBytesMax: memoryBytes, secondsMax: seconds, isRequired: confinement == .required
        ).apply()
    }

    private func transcode(_ output: ChildOutput) throws(MediaError) -> ChildMessage {
        guard let part = try? JSONDecoder().decode(MediaPart.self, from: Data(part.utf8)) else {
            throw MediaError.failed("a part that is not one: \(part)")
        }
        let voice = ChildVoice(output)
        return try Transcoder(
            descriptor: childInputDescriptor, folder: OutputFiles.handedOverFolder, preset: preset, announce: voice.say
        ).run(part)
    }

    private func fail(_ error: MediaError, _ memory: MemoryWatch, _ output: ChildOutput) throws -> Never {
        if memory.mayHaveBeenShort(of: memoryBytes) {
            try output.say(
                .outOfMemory("\(error.message) The memory limit of \(memoryBytes) bytes was nearly reached."))
        } else {
            switch error {
            case .unusable(let reason): try output.say(.unusable(reason))
            case .failed(let reason): try output.say(.failed(reason))
            }
        }
        throw ExitCode.failure
    }
}

extension ConfinementMode: ExpressibleByArgument {}

extension TranscodeMain {
    /// Commands that are not asynchronous run on the first thread, before there is another one: what a process gives up
    /// (see `Confinement`) holds for the thread that gives it up and those that it starts.
    @MainActor static func main() async {
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: error)
        }
    }
}
