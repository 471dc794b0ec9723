// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FoundationEssentials
import Glibc

/// `transcode probe INPUT`: JSON of what is seen in a file.
struct ProbeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "probe", abstract: "Show as JSON what is seen in a video file.")

    private static let secondsMax = 60
    private static let outputBytesMax = 1 << 20

    @Argument(help: "The video file.") var input: String
    @Option(help: "What the kernel must offer: required (a filter of system calls), whereAvailable.")
    var confinement = ConfinementMode.required

    func run() throws {
        let descriptor = try openInput(input)
        defer { close(descriptor) }
        do throws(MediaError) {
            // Standard output may be a file.
            try Confinement(
                memoryBytesMax: TranscodeLimits.memoryBytesMax, secondsMax: Self.secondsMax,
                isRequired: confinement == .required, fileBytesMax: Self.outputBytesMax
            ).apply()
            let info = SourceInfo(try Demuxer(descriptor: descriptor))
            print(try json(info))
        } catch {
            throw CleanError(error.message)
        }
    }

    private func json(_ info: SourceInfo) throws(MediaError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
        guard let data = try? encoder.encode(info) else { throw MediaError.failed("the result is not JSON") }
        return String(decoding: data, as: UTF8.self)
    }
}
