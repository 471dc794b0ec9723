// SPDX-License-Identifier: Apache-2.0

import CLinux
import Glibc

/// A failed system call: what was tried and the kernel's reason.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    public var operation: String
    /// A positive errno.
    public var code: Int32

    public init(_ operation: String, code: Int32) {
        self.operation = operation
        self.code = code
    }

    public var description: String {
        "\(operation): \(String(cString: spw_error_text(code)))"
    }
}

/// Reads a whole small file (at most 64 MiB), such as a configuration or a key.
public func readFile(_ path: String) throws -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw SystemError("open \(path)", code: errno) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65536)
    while true {
        let count = spw_read(descriptor, &chunk, chunk.count)
        if count < 0 { throw SystemError("read \(path)", code: Int32(-count)) }
        if count == 0 { return bytes }
        bytes.append(contentsOf: chunk[..<count])
        guard bytes.count <= 64 << 20 else { throw SystemError("read \(path)", code: EFBIG) }
    }
}

/// Reads a whole small file as UTF-8.
public func readTextFile(_ path: String) throws -> String {
    String(decoding: try readFile(path), as: UTF8.self)
}

/// Makes a folder, and those above it that are missing. Throws `SystemError`.
public func makeFolders(_ path: String, mode: UInt32 = 0o700) throws {
    var position = path.startIndex
    while position < path.endIndex {
        position = path[path.index(after: position)...].firstIndex(of: "/") ?? path.endIndex
        guard mkdir(String(path[..<position]), mode) != 0, errno != EEXIST else { continue }
        let code = errno
        // A folder above it may be read-only and still be there.
        if access(String(path[..<position]), F_OK) != 0 { throw SystemError("mkdir \(path)", code: code) }
    }
}

/// Writes a line for people to standard error.
public func printError(_ text: String) {
    var line = text + "\n"
    line.withUTF8 { _ = spw_write_log($0.baseAddress, $0.count) }
}
