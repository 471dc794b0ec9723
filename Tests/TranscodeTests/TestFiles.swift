// SPDX-License-Identifier: Apache-2.0

import Foundation

/// The folder of this run's files, removed when the process ends.
enum TestFiles {
    static let root: String = {
        let path = NSTemporaryDirectory() + "spillway-transcode-tests-\(ProcessInfo.processInfo.processIdentifier)"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        atexit { try? FileManager.default.removeItem(atPath: TestFiles.root) }
        return path
    }()

    /// A new, empty folder.
    static func folder() throws -> String {
        let path = root + "/" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
        return path
    }

    /// A new file with these bytes.
    static func file(_ bytes: [UInt8], name: String = "input.mp4") throws -> String {
        let path = try folder() + "/" + name
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// One file that each call fills anew.
    static func scratch(_ bytes: [UInt8]) throws -> String {
        let path = root + "/scratch"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    static func read(_ path: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
    }

    static func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }
}

extension TestFiles {
    /// The paths of all files and folders inside a folder, sorted.
    static func list(_ folder: String) throws -> [String] {
        try FileManager.default.subpathsOfDirectory(atPath: folder).sorted()
    }
}

extension TestFiles {
    /// A file opened for reading; it stays open until the process ends.
    static func descriptor(_ path: String) throws -> Int32 {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Tool.Failure(description: "open \(path)") }
        return descriptor
    }
}
