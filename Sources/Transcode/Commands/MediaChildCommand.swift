// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc

/// The process that parses and transcodes one stranger's file; spawned by `ChildProcess`, not by people.
struct MediaChildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media-child", abstract: "Transcode the file open as descriptor 3 (used internally).",
        shouldDisplay: false)

    @Option(help: "An existing folder for the result.") var out: String
    @Option(help: "The preset of x264.") var preset: String
    @Option(help: "The part of the work as JSON.") var part: String
    @Option(help: "The process that must live as long as this one.") var parent: Int32
    @Option(help: "The most address space in bytes.") var memoryBytes: Int
    @Option(help: "The most wall-clock seconds.") var seconds: Int

    func run() throws {
        let confinement = Confinement(memoryBytesMax: memoryBytes, secondsMax: seconds)
        do throws(MediaError) {
            Confinement.closeInheritedDescriptors()
            try Confinement.dieWith(parent: parent)
            try confinement.apply()
            guard let part = try? JSONDecoder().decode(MediaPart.self, from: Data(part.utf8)) else {
                throw MediaError.failed("a part that is not one: \(part)")
            }
            let voice = ChildVoice()
            let transcoder = Transcoder(descriptor: childInputDescriptor, folder: out, preset: preset) { message in
                voice.say(message)
            }
            voice.say(try transcoder.run(part))
        } catch {
            let voice = ChildVoice()
            switch error {
            case .unusable(let reason) where confinement.memoryMayHaveBeenShort:
                voice.say(.failed("\(reason) But the memory limit of \(memoryBytes) bytes was nearly reached."))
            case .unusable(let reason): voice.say(.unusable(reason))
            case .failed(let reason): voice.say(.failed(reason))
            }
            throw ExitCode.failure
        }
    }
}

extension TranscodeMain {
    /// The child runs on the first thread: what it gives up there (`no_new_privs`) holds for that thread and those
    /// that it starts, and there must be no other. The commands of people may run on any.
    @MainActor static func main() async {
        let arguments = Array(CommandLine.arguments.dropFirst())
        if arguments.first == MediaChildCommand.configuration.commandName {
            MediaChildCommand.main(Array(arguments.dropFirst()))
        } else {
            await main(arguments)
        }
    }
}
