// SPDX-License-Identifier: Apache-2.0

import Glibc

/// An open blob of a `FileObjectStore`. Its file may be unlinked meanwhile; the descriptor keeps the bytes.
final class FileObjectReader: ObjectReader {
    let info: ObjectInfo
    let blob: String
    private let descriptor: Int32

    init(info: ObjectInfo, blob: String, descriptor: Int32) {
        self.info = info
        self.blob = blob
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    func read(offset: Int64, count: Int) async throws(ObjectStoreError) -> [UInt8] {
        try await offloadBlocking { Result { () throws(ObjectStoreError) in try self.readNow(offset, count) } }
    }

    private func readNow(_ offset: Int64, _ count: Int) throws(ObjectStoreError) -> [UInt8] {
        var failure: ObjectStoreError?
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let got = pread(descriptor, buffer.baseAddress! + filled, count - filled, Int(offset) + filled)
                if got < 0 {
                    if errno == EINTR { continue }
                    failure = failed("read", info.key)
                    return
                }
                if got == 0 { return }
                filled += got
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// The same bytes under a descriptor of the caller's own.
    func openFile() throws(ObjectStoreError) -> ObjectFile {
        let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw failed("duplicate the descriptor of", info.key) }
        return ObjectFile(descriptor: copy)
    }

    /// Copies the bytes to a new file at `path`; blocks.
    func copy(toFile path: String) throws(ObjectStoreError) {
        let target = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard target >= 0 else { throw failed("create", path) }
        defer { close(target) }
        var offset: Int64 = 0
        while offset < info.size {
            let bytes = try readNow(offset, 1 << 20)
            guard !bytes.isEmpty else { throw .unavailable("\(info.key) is shorter than its description") }
            try writeAll(target, bytes, path: path)
            offset += Int64(bytes.count)
        }
    }
}
