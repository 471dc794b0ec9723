// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import FoundationEssentials
import Glibc
import HLS

/// `transcode check URL|PATH`: the rules of RFC 8216 and of Apple's specification, on playlists and segment bytes.
struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check", abstract: "Check an HLS presentation: its playlists and the bytes of its segments.",
        discussion: """
            Reads a folder, a playlist's file, or an http or https address, and everything that its playlists name. \
            Exit status: 0 when no MUST of RFC 8216 or of Apple's HLS authoring specification is broken, 1 when one \
            is, 2 when there is nothing to check.
            """)

    private static let unreachable = ExitCode(2)

    @Argument(help: "A folder, a playlist's file, or a URL.") var place: String?
    @Flag(help: "Write the report as JSON.") var json = false
    @Option(
        name: .customLong("ca"), help: "A PEM file of the certificate authorities to trust, in place of the system's.")
    var authorities: String?
    @Flag(help: "List the rules, and check nothing.") var rules = false

    func validate() throws {
        if !rules, place == nil { throw ValidationError("Missing expected argument '<place>'.") }
    }

    func run() throws {
        if rules { return print(CheckText.rules(), terminator: "") }
        let check = try read()
        guard check.hasRoot else {
            printError(
                check.report().findings.first.map { "\($0.place): \($0.sentence)" } ?? "there is nothing to check")
            throw Self.unreachable
        }
        let report = check.report()
        print(json ? try text(CheckJSON(report)) : CheckText.text(report))
        if !report.isConformant { throw ExitCode.failure }
    }

    private func read() throws -> PresentationCheck {
        let bar = ProgressBar()
        defer { bar.finish() }
        do throws(CleanError) {
            switch try PresentationPlace(place ?? "") {
            case .folder(let folder, let playlist):
                return runCheck(root: FolderReader.address(name: playlist), reader: FolderReader(folder: folder)) {
                    bar.show([("check", $0)])
                }
            case .web(let address):
                return runCheck(root: address, reader: try WebReader(authorities: authorities)) {
                    bar.show([("check", $0)])
                }
            }
        } catch {
            printError(error.description)
            throw Self.unreachable
        }
    }

    private func text(_ report: CheckJSON) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }
}
