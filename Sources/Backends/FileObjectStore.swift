// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Glibc

/// Objects as files below one folder; several processes may use the same folder.
///
/// The bytes of an object are a file of a random name, never changed after it is written:
///
///     ROOT/BUCKET/blobs/RANDOM          the bytes
///     ROOT/BUCKET/keys/KEY+json         size, type, entity tag and which blob
///     ROOT/incoming/RANDOM              what is being written
///     ROOT/lock                         held for the moment of replacing or removing
///
/// Renaming the small `+json` file over the old one is the moment at which a new object replaces an old one, so bytes
/// and description can never belong to different objects. `+` can not occur in a key, so a key and a folder of keys
/// never collide. A crash between the two renames leaves a blob that no key names: lost room, nothing worse.
public struct FileObjectStore: ObjectStore {
    private let root: String

    /// Uses the folder `root` and makes it when needed. Removes what a crashed process left in `incoming`
    /// more than a day ago.
    public init(root: String) throws(ObjectStoreError) {
        self.root = root
        try makeFolder(root + "/incoming")
        removeStaleIncoming()
    }

    public func put(
        bucket: String, key: String, file path: String, contentType: String, cacheControl: String,
        condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectInfo {
        let writer = try makeWriter(
            bucket: bucket, key: key, contentType: contentType, cacheControl: cacheControl, condition: condition)
        return try await offloadBlocking {
            Result { () throws(ObjectStoreError) in
                try writer.copy(file: path)
                return try writer.commitNow()
            }
        }
    }

    public func head(bucket: String, key: String) async throws(ObjectStoreError) -> ObjectInfo {
        try record(bucket: bucket, key: key).info(key: key)
    }

    public func fetch(bucket: String, key: String, toFile path: String) async throws(ObjectStoreError) {
        let reader = try openReader(bucket: bucket, key: key)
        // A hard link costs nothing and keeps the bytes alive; a folder on another file system gets a copy.
        if link(blobPath(bucket, reader.blob), path) == 0 { return }
        guard errno == EXDEV || errno == EPERM || errno == ENOENT || errno == EMLINK else {
            throw failed("link", path)
        }
        try await offloadBlocking { Result { () throws(ObjectStoreError) in try reader.copy(toFile: path) } }
    }

    public func openFile(bucket: String, key: String) async throws(ObjectStoreError) -> ObjectFile? {
        try openReader(bucket: bucket, key: key).openFile()
    }

    public func delete(bucket: String, key: String) async throws(ObjectStoreError) {
        try validate(bucket, key)
        try remove(bucket: bucket, key: key)
    }

    public func deleteAll(bucket: String, prefix: String) async throws(ObjectStoreError) -> Int {
        let keys = try keys(bucket: bucket, prefix: prefix)
        for key in keys { try remove(bucket: bucket, key: key) }
        if !keys.isEmpty { removeEmptyFolders(keysPath(bucket) + "/" + prefix.dropLast()) }
        return keys.count
    }

    public func list(bucket: String, prefix: String) async throws(ObjectStoreError) -> [ObjectInfo] {
        var objects: [ObjectInfo] = []
        for key in try keys(bucket: bucket, prefix: prefix).sorted() {
            do {
                objects.append(try record(bucket: bucket, key: key).info(key: key))
            } catch {
                // Deleted since the folder was read.
                guard error == .notFound else { throw error }
            }
        }
        return objects
    }

    public func open(bucket: String, key: String) async throws(ObjectStoreError) -> any ObjectReader {
        try openReader(bucket: bucket, key: key)
    }

    public func create(bucket: String, key: String, contentType: String, cacheControl: String)
        async throws(ObjectStoreError) -> any ObjectWriter
    {
        try makeWriter(bucket: bucket, key: key, contentType: contentType, cacheControl: cacheControl)
    }

    // MARK: - Paths and records

    func incomingPath(_ name: String) -> String { root + "/incoming/" + name }
    func blobPath(_ bucket: String, _ blob: String) -> String { root + "/" + bucket + "/blobs/" + blob }
    func keysPath(_ bucket: String) -> String { root + "/" + bucket + "/keys" }
    func recordPath(_ bucket: String, _ key: String) -> String { keysPath(bucket) + "/" + key + Self.recordSuffix }

    private static let recordSuffix = "+json"

    private func validate(_ bucket: String, _ key: String) throws(ObjectStoreError) {
        if let problem = ObjectNames.problem(bucket: bucket) ?? ObjectNames.problem(key: key) {
            throw .invalidName(problem)
        }
    }

    private func makeWriter(
        bucket: String, key: String, contentType: String, cacheControl: String, condition: PutCondition = .always
    ) throws(ObjectStoreError) -> FileObjectWriter {
        try validate(bucket, key)
        return try FileObjectWriter(
            store: self, bucket: bucket, key: key, contentType: contentType, cacheControl: cacheControl,
            condition: condition)
    }

    func record(bucket: String, key: String) throws(ObjectStoreError) -> ObjectRecord {
        try validate(bucket, key)
        let path = recordPath(bucket, key)
        let bytes: [UInt8]
        do {
            bytes = try readFile(path)
        } catch {
            if let error = error as? SystemError, error.code == ENOENT || error.code == ENOTDIR { throw .notFound }
            throw .unavailable("\(error)")
        }
        guard let record = try? JSONDecoder().decode(ObjectRecord.self, from: Data(bytes)) else {
            throw .unavailable("\(path) is damaged")
        }
        return record
    }

    /// For replacing: a damaged description is as good as none.
    func recordIfReadable(bucket: String, key: String) -> ObjectRecord? {
        do {
            return try record(bucket: bucket, key: key)
        } catch {
            return nil
        }
    }

    /// Runs `body` while no other writer, in this process or another, replaces or removes an object: who takes the
    /// place of a blob must know which one, or its bytes would stay for ever. Readers do not wait. `body` is short:
    /// no byte of an object is written meanwhile.
    func locked<Value>(_ body: () throws(ObjectStoreError) -> Value) throws(ObjectStoreError) -> Value {
        let path = root + "/lock"
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw failed("open", path) }
        // Closing gives the lock back.
        defer { close(descriptor) }
        while flock(descriptor, LOCK_EX) != 0 {
            guard errno == EINTR else { throw failed("lock", path) }
        }
        return try body()
    }

    private func openReader(bucket: String, key: String) throws(ObjectStoreError) -> FileObjectReader {
        // The blob may vanish between the two steps when the object is replaced: then its new record is read.
        for _ in 0..<5 {
            let record = try record(bucket: bucket, key: key)
            let path = blobPath(bucket, record.blob)
            let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
            if descriptor >= 0 {
                return FileObjectReader(info: record.info(key: key), blob: record.blob, descriptor: descriptor)
            }
            guard errno == ENOENT else { throw failed("open", path) }
        }
        throw .unavailable("the bytes of \(bucket)/\(key) are missing")
    }

    /// Removes a key and its bytes; quietly when there are none. Open readers keep what they have.
    private func remove(bucket: String, key: String) throws(ObjectStoreError) {
        let record: ObjectRecord
        do {
            record = try locked { () throws(ObjectStoreError) in
                let record = try self.record(bucket: bucket, key: key)
                guard unlink(recordPath(bucket, key)) == 0 else { throw failed("unlink", recordPath(bucket, key)) }
                return record
            }
        } catch {
            if error == .notFound { return }
            throw error
        }
        guard unlink(blobPath(bucket, record.blob)) == 0 || errno == ENOENT else {
            throw failed("unlink", blobPath(bucket, record.blob))
        }
    }

    private func keys(bucket: String, prefix: String) throws(ObjectStoreError) -> [String] {
        if let problem = ObjectNames.problem(bucket: bucket) { throw .invalidName(problem) }
        guard prefix.isEmpty || prefix.hasSuffix("/") else { throw .invalidName("a prefix ends with a slash") }
        if !prefix.isEmpty, let problem = ObjectNames.problem(key: String(prefix.dropLast())) {
            throw .invalidName(problem)
        }
        var keys: [String] = []
        var folders = [prefix]
        while let folder = folders.popLast() {
            for (name, isFolder) in try folderNames(keysPath(bucket) + "/" + folder) {
                if isFolder {
                    folders.append(folder + name + "/")
                } else if name.hasSuffix(Self.recordSuffix) {
                    keys.append(folder + name.dropLast(Self.recordSuffix.count))
                }
            }
        }
        return keys
    }

    /// Removes a folder of keys if nothing is left in it; a folder in use stays (`rmdir` refuses).
    private func removeEmptyFolders(_ path: String) {
        for (name, isFolder) in (try? folderNames(path)) ?? [] where isFolder { removeEmptyFolders(path + "/" + name) }
        rmdir(path)
    }

    private func removeStaleIncoming() {
        let dayAgo = Clock.wallSeconds() - 86400
        for (name, _) in (try? folderNames(root + "/incoming")) ?? [] {
            var status = stat()
            if stat(incomingPath(name), &status) == 0, Int64(status.st_mtim.tv_sec) < dayAgo {
                unlink(incomingPath(name))
            }
        }
    }
}

/// The description of an object as the `+json` file holds it.
struct ObjectRecord: Codable {
    var blob: String
    var size: Int64
    var etag: String
    var contentType: String
    var cacheControl: String
    var modifiedMilliseconds: Int64

    func info(key: String) -> ObjectInfo {
        ObjectInfo(
            key: key, size: size, etag: etag, contentType: contentType, cacheControl: cacheControl,
            modifiedMilliseconds: modifiedMilliseconds)
    }
}
