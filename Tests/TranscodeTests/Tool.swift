// SPDX-License-Identifier: Apache-2.0

import Foundation

/// A program that is run to its end, at most two minutes.
struct Tool {
    var status: Int32
    var output: [UInt8]
    var errors: String

    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Runs a program that is found by PATH, or by its path. Its output goes through files: nothing can block.
    static func run(_ program: String, _ arguments: [String]) throws -> Tool {
        let folder = try TestFiles.folder()
        let outputs = ["out", "err"].map { URL(fileURLWithPath: folder + "/" + $0) }
        for url in outputs { try Data().write(to: url) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["timeout", "-k", "1", "120", program] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try FileHandle(forWritingTo: outputs[0])
        process.standardError = try FileHandle(forWritingTo: outputs[1])
        try process.run()
        process.waitUntilExit()
        return Tool(
            status: process.terminationStatus, output: try TestFiles.read(outputs[0].path),
            errors: try TestFiles.text(outputs[1].path))
    }

    /// Like `run`; throws unless the program succeeds and says nothing on standard error.
    @discardableResult
    static func succeed(_ program: String, _ arguments: [String]) throws -> [UInt8] {
        let tool = try run(program, arguments)
        guard tool.status == 0, tool.errors.isEmpty else {
            throw Failure(description: "\(program) \(arguments): \(tool.status) \(tool.errors)")
        }
        return tool.output
    }

    /// The program `transcode` of this build, which lies beside the tests.
    static let transcode: String = {
        let tests = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: tests).deletingLastPathComponent().path + "/transcode"
    }()
}

/// What ffprobe tells of a file's streams.
struct Probed: Decodable {
    struct Stream: Decodable {
        var codecType: String
        var codecName: String?
        var profile: String?
        var level: Int?
        var width: Int?
        var height: Int?
        var pixFmt: String?
        var sampleAspectRatio: String?
        var sampleRate: String?
        var channels: Int?
        var duration: String?
        var colorRange: String?
        var colorSpace: String?
        var colorTransfer: String?
        var colorPrimaries: String?
    }

    var streams: [Stream]

    init(_ input: String) throws {
        let output = try Tool.succeed("ffprobe", ["-v", "error", "-show_streams", "-of", "json", input])
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        self = try decoder.decode(Probed.self, from: Data(output))
    }
}
