// SPDX-License-Identifier: Apache-2.0
//
// The few file system calls that the embedded store needs, each with its error as a sentence.

import Base
import Dispatch
import Glibc

/// Runs blocking file work on threads of its own, so that a slow disk never holds up the threads that run tasks.
func offloadBlocking<Value: Sendable>(
    _ work: @escaping @Sendable () -> Result<Value, ObjectStoreError>
) async throws(ObjectStoreError) -> Value {
    let result = await withCheckedContinuation { continuation in
        blockingWork.async { continuation.resume(returning: work()) }
    }
    return try result.get()
}

/// libdispatch bounds the threads of a concurrent queue itself (64 by default).
private let blockingWork = DispatchQueue(label: "spillway.blocking-files", attributes: .concurrent)

func failed(_ operation: String, _ path: String) -> ObjectStoreError {
    .unavailable("\(SystemError("\(operation) \(path)", code: errno))")
}

/// Makes `path` and the folders above it.
func makeFolder(_ path: String) throws(ObjectStoreError) {
    if mkdir(path, 0o755) == 0 || errno == EEXIST { return }
    guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash != path.startIndex else {
        throw failed("mkdir", path)
    }
    try makeFolder(String(path[..<slash]))
    guard mkdir(path, 0o755) == 0 || errno == EEXIST else { throw failed("mkdir", path) }
}

/// Writes all of `bytes` to `descriptor`.
func writeAll(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, path: String) throws(ObjectStoreError) {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
        if count < 0 {
            if errno == EINTR { continue }
            throw failed("write", path)
        }
        rest = rest.dropFirst(count)
    }
}

func writeAll(_ descriptor: Int32, _ bytes: [UInt8], path: String) throws(ObjectStoreError) {
    // `Array.withUnsafeBytes` does not pass on a typed error.
    let result = bytes.withUnsafeBytes { raw in
        Result { () throws(ObjectStoreError) in try writeAll(descriptor, raw, path: path) }
    }
    try result.get()
}

/// Makes the names in a folder durable: without it a rename may be lost with the power.
func syncFolder(_ path: String) throws(ObjectStoreError) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failed("open", path) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failed("fsync", path) }
}

/// The names in a folder without `.` and `..`; empty when there is no such folder.
func folderNames(_ path: String) throws(ObjectStoreError) -> [(name: String, isFolder: Bool)] {
    guard let stream = opendir(path) else {
        if errno == ENOENT || errno == ENOTDIR { return [] }
        throw failed("opendir", path)
    }
    defer { closedir(stream) }
    var names: [(name: String, isFolder: Bool)] = []
    while let entry = readdir(stream) {
        let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
            pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        }
        guard name != ".", name != ".." else { continue }
        names.append((name, Int32(entry.pointee.d_type) == Int32(DT_DIR)))
    }
    return names
}
