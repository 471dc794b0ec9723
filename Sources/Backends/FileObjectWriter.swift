// SPDX-License-Identifier: Apache-2.0

import Base
import Crypto
import Foundation
import Glibc

/// An object on its way into a `FileObjectStore`.
///
/// `@unchecked Sendable`: the protocol's contract is one task at a time, and the store's own uses keep to it.
final class FileObjectWriter: ObjectWriter, @unchecked Sendable {
    private let store: FileObjectStore
    private let bucket: String
    private let key: String
    private let contentType: String
    private let cacheControl: String
    private let condition: PutCondition
    /// Random: the name of the blob, and of the file while it is being written.
    private let blob: String
    private var descriptor: Int32
    private var size: Int64 = 0
    private var digest = Insecure.MD5()

    init(
        store: FileObjectStore, bucket: String, key: String, contentType: String, cacheControl: String,
        condition: PutCondition
    ) throws(ObjectStoreError) {
        self.store = store
        self.bucket = bucket
        self.key = key
        self.contentType = contentType
        self.cacheControl = cacheControl
        self.condition = condition
        blob = makeRandomName()
        let path = store.incomingPath(blob)
        descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failed("create", path) }
    }

    deinit { discard() }

    func write(_ bytes: UnsafeRawBufferPointer) throws(ObjectStoreError) {
        precondition(descriptor >= 0, "written after commit or abort")
        digest.update(bufferPointer: bytes)
        size += Int64(bytes.count)
        try writeAll(descriptor, bytes, path: store.incomingPath(blob))
    }

    func commit() async throws(ObjectStoreError) -> ObjectInfo {
        try await offloadBlocking { Result { () throws(ObjectStoreError) in try self.commitNow() } }
    }

    func abort() async { discard() }

    /// Appends the bytes of a local file; blocks.
    func copy(file path: String) throws(ObjectStoreError) {
        let source = open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failed("open", path) }
        defer { close(source) }
        let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 20, alignment: 16)
        defer { chunk.deallocate() }
        while true {
            let count = read(source, chunk.baseAddress, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failed("read", path) }
            if count == 0 { return }
            try write(UnsafeRawBufferPointer(rebasing: chunk[..<count]))
        }
    }

    /// `commit`, blocking: the bytes first, then the description, each durable before the next step relies on it.
    func commitNow() throws(ObjectStoreError) -> ObjectInfo {
        precondition(descriptor >= 0, "committed twice")
        let incoming = store.incomingPath(blob)
        guard fsync(descriptor) == 0 else { throw failed("fsync", incoming) }
        close(descriptor)
        descriptor = -1
        let blobPath = store.blobPath(bucket, blob)
        do {
            try renameMakingFolder(incoming, blobPath)
            return try publishRecord(blobPath: blobPath)
        } catch {
            unlink(incoming)
            unlink(blobPath)
            throw error
        }
    }

    private func publishRecord(blobPath: String) throws(ObjectStoreError) -> ObjectInfo {
        let record = ObjectRecord(
            blob: blob, size: size, etag: hexText(digest.finalize()), contentType: contentType,
            cacheControl: cacheControl, modifiedMilliseconds: Clock.wallMilliseconds())
        let recordPath = store.recordPath(bucket, key)
        try syncFolder(folder(of: blobPath))
        let incoming = store.incomingPath(blob + "+json")
        try writeRecord(record, incoming)
        let replaced: ObjectRecord?
        do {
            replaced = try store.locked { () throws(ObjectStoreError) in
                let replaced = store.recordIfReadable(bucket: bucket, key: key)
                switch condition {
                case .always: break
                case .absent:
                    guard replaced == nil else { throw .conditionFailed }
                case .unchanged(let etag):
                    guard replaced?.etag == etag else { throw .conditionFailed }
                }
                try renameMakingFolder(incoming, recordPath)
                return replaced
            }
        } catch {
            unlink(incoming)
            throw error
        }
        try syncFolder(folder(of: recordPath))
        if let replaced { unlink(store.blobPath(bucket, replaced.blob)) }
        return record.info(key: key)
    }

    private func writeRecord(_ record: ObjectRecord, _ path: String) throws(ObjectStoreError) {
        guard let json = try? JSONEncoder().encode(record) else {
            throw .unavailable("the description of \(key) can not be written as JSON")
        }
        let file = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
        guard file >= 0 else { throw failed("create", path) }
        defer { close(file) }
        try writeAll(file, Array(json), path: path)
        guard fsync(file) == 0 else { throw failed("fsync", path) }
    }

    private func renameMakingFolder(_ source: String, _ target: String) throws(ObjectStoreError) {
        // A folder of keys may be removed as empty between making and using it, hence the second chance.
        for _ in 0..<3 {
            if rename(source, target) == 0 { return }
            guard errno == ENOENT else { break }
            try makeFolder(folder(of: target))
        }
        throw failed("rename to", target)
    }

    private func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[..<$0]) } ?? "."
    }

    private func discard() {
        guard descriptor >= 0 else { return }
        close(descriptor)
        descriptor = -1
        unlink(store.incomingPath(blob))
    }
}

/// 22 random letters and digits: 130 bits, safe in a path and a URL. Names blobs and videos.
public func makeRandomName() -> String {
    let letters = Array("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8)
    var generator = SystemRandomNumberGenerator()
    let bytes = (0..<22).map { _ in letters[Int.random(in: 0..<letters.count, using: &generator)] }
    return String(decoding: bytes, as: UTF8.self)
}

/// Bytes as lower-case hexadecimal digits.
func hexText(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
