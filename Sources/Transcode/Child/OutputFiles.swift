// SPDX-License-Identifier: Apache-2.0
//
// One switch for the process, thrown once before any work: the media child can open no file, so it hands what it
// makes to its parent. Every other process writes files itself.

import Glibc
import Synchronization

/// Where the files that this process makes go.
enum OutputFiles {
    /// The folder's name in a process whose files go to its parent; there is no such folder.
    static let handedOverFolder = "out"

    private static let parent = Mutex<ChildOutput?>(nil)

    /// From now on files below `handedOverFolder` go to the parent.
    static func handOver(to output: ChildOutput) {
        parent.withLock { $0 = output }
    }

    /// The parent, and what it is to call `path`; nil when this process writes files itself.
    fileprivate static func parent(for path: String) throws(MediaError) -> (ChildOutput, name: String)? {
        guard let output = parent.withLock({ $0 }) else { return nil }
        guard path.hasPrefix(handedOverFolder + "/") else { throw MediaError.failed("\(path) is no result") }
        return (output, String(path.dropFirst(handedOverFolder.count + 1)))
    }
}

/// Creates or replaces a file. Who reads it sees all of the old or all of the new.
func writeFile(_ path: String, _ bytes: [UInt8]) throws(MediaError) {
    if let (parent, name) = try OutputFiles.parent(for: path) {
        return try parent.say(.file(name: name, bytes: bytes.count), bytes: bytes)
    }
    let temporary = path + ".part"
    try writeNewFile(temporary, bytes)
    guard rename(temporary, path) == 0 else { throw MediaError.failed("create \(path): errno \(errno)") }
}

private func writeNewFile(_ path: String, _ bytes: [UInt8]) throws(MediaError) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw MediaError.failed("create \(path): errno \(errno)") }
    defer { close(descriptor) }
    try writeAll(bytes[...], to: descriptor, name: path)
}

/// Makes a folder; quietly when it exists.
func makeFolder(_ path: String) throws(MediaError) {
    if let (parent, name) = try OutputFiles.parent(for: path) { return try parent.say(.folder(name)) }
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw MediaError.failed("make \(path): errno \(errno)") }
}

/// Writes all bytes to an open file; `name` is for the error.
func writeAll(_ bytes: ArraySlice<UInt8>, to descriptor: Int32, name: String) throws(MediaError) {
    var rest = bytes
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        if count < 0, errno == EINTR { continue }
        guard count > 0 else { throw MediaError.failed("write \(name): errno \(errno)") }
        rest = rest.dropFirst(count)
    }
}
