// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import FoundationEssentials
import Glibc

/// The process that parses and transcodes one stranger's file; spawned by `ChildProcess`, not by people.
struct MediaChildCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "media-child", abstract: "Transcode the file open as descriptor 3 (used internally).",
        shouldDisplay: false)

    @Option(help: "An existing folder for the result.") var out: String
    @Option(help: "The preset of x264.") var preset: String
    @Option(help: "The process that must live as long as this one.") var parent: Int32
    @Option(help: "The most address space in bytes.") var memoryBytes: Int
    @Option(help: "The most wall-clock seconds.") var seconds: Int

    /// Progress is told at most this often.
    private static let progressMilliseconds: Int64 = 250

    func run() throws {
        let confinement = Confinement(memoryBytesMax: memoryBytes, secondsMax: seconds)
        do throws(MediaError) {
            Confinement.closeInheritedDescriptors()
            try Confinement.dieWith(parent: parent)
            try confinement.apply()
            var told: Int64 = 0
            let result = try transcode(descriptor: childInputDescriptor, folder: out, preset: preset) { percent in
                let now = Clock.monotonicMilliseconds()
                guard now - told >= Self.progressMilliseconds else { return }
                told = now
                Self.say(.progress(percent))
            }
            Self.say(.result(result))
        } catch {
            switch error {
            case .unusable(let reason) where confinement.memoryMayHaveBeenShort:
                Self.say(.failed("\(reason) But the memory limit of \(memoryBytes) bytes was nearly reached."))
            case .unusable(let reason): Self.say(.unusable(reason))
            case .failed(let reason): Self.say(.failed(reason))
            }
            throw ExitCode.failure
        }
    }

    private static func say(_ message: ChildMessage) {
        guard var line = try? JSONEncoder().encode(message) else { return }
        line.append(UInt8(ascii: "\n"))
        var sent = 0
        while sent < line.count {
            let count = line.withUnsafeBytes { bytes in
                write(STDOUT_FILENO, bytes.baseAddress.map { $0 + sent }, bytes.count - sent)
            }
            if count < 0, errno == EINTR { continue }
            // A parent that no longer reads is gone, and this process with it.
            guard count > 0 else { return }
            sent += count
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
