// SPDX-License-Identifier: Apache-2.0

import Glibc

/// What is known of a stored object without its bytes.
public struct ObjectInfo: Sendable, Equatable {
    public var key: String
    /// The size in bytes.
    public var size: Int64
    /// The entity tag without quotes: the lower-case hex MD5 of the bytes, as S3 gives it for a plain PUT.
    public var etag: String
    public var contentType: String
    /// Sent with the object wherever it is delivered; empty for none.
    public var cacheControl: String
    /// Milliseconds since 1970.
    public var modifiedMilliseconds: Int64

    public init(
        key: String, size: Int64, etag: String, contentType: String, cacheControl: String, modifiedMilliseconds: Int64
    ) {
        self.key = key
        self.size = size
        self.etag = etag
        self.contentType = contentType
        self.cacheControl = cacheControl
        self.modifiedMilliseconds = modifiedMilliseconds
    }
}

/// Why an object store could not do what it was asked.
public enum ObjectStoreError: Error, Sendable, Equatable {
    case notFound
    /// The bucket or the key is not one that this store accepts; the text says why.
    case invalidName(String)
    /// The object is not as the caller's `PutCondition` wants it: nothing was stored.
    case conditionFailed
    /// The store's disk or service failed; the text is for the operator.
    case unavailable(String)
}

/// What must hold at the moment at which an object would appear, so that of several writers one wins and all know it
/// (`If-None-Match: *` and `If-Match` of S3).
public enum PutCondition: Sendable, Equatable {
    case always
    /// There is no object of that key.
    case absent
    /// The object of that key has this entity tag.
    case unchanged(etag: String)
}

/// An open local file that holds an object's bytes; only to be read. Closed when the last reference goes.
public final class ObjectFile: Sendable {
    public let descriptor: Int32

    /// Takes over an open descriptor.
    public init(descriptor: Int32) {
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }
}

/// Objects by bucket and key, written whole and atomically: a reader sees all of an object or none of it.
///
/// Keys are relative paths of `/`-separated components (letters, digits, `-`, `_`, `.`), never `..`.
/// Two buckets are in use: `uploads` (raw files as they were sent) and `media` (what is delivered).
public protocol ObjectStore: Sendable {
    /// Stores a copy of the local file `path`; the file stays the caller's. Replaces an object of that key. Throws
    /// `conditionFailed` when `condition` does not hold.
    func put(
        bucket: String, key: String, file path: String, contentType: String, cacheControl: String,
        condition: PutCondition
    ) async throws(ObjectStoreError) -> ObjectInfo

    /// The object's description.
    func head(bucket: String, key: String) async throws(ObjectStoreError) -> ObjectInfo

    /// Makes the object's bytes readable at the local `path`, which must not exist; the caller removes it.
    /// An embedded store may link instead of copying: the file must only be read.
    func fetch(bucket: String, key: String, toFile path: String) async throws(ObjectStoreError)

    /// Opens the object's own bytes where the store keeps them as a local file; nil where it does not. They stay what
    /// they are when the object is replaced or removed.
    func openFile(bucket: String, key: String) async throws(ObjectStoreError) -> ObjectFile?

    /// Removes an object; quietly when there is none.
    func delete(bucket: String, key: String) async throws(ObjectStoreError)

    /// Removes every object whose key starts with `prefix` (which ends with `/`); returns how many.
    func deleteAll(bucket: String, prefix: String) async throws(ObjectStoreError) -> Int

    /// All objects whose key starts with `prefix`, in the order of their keys.
    func list(bucket: String, prefix: String) async throws(ObjectStoreError) -> [ObjectInfo]

    /// Opens an object for reading piece by piece. What is read is the object as it was at this call, even when it is
    /// replaced or deleted meanwhile.
    func open(bucket: String, key: String) async throws(ObjectStoreError) -> any ObjectReader

    /// Starts an object whose bytes arrive piece by piece. Nothing is visible before `commit`.
    func create(bucket: String, key: String, contentType: String, cacheControl: String)
        async throws(ObjectStoreError) -> any ObjectWriter
}

extension ObjectStore {
    /// Stores a copy of a local file, whatever there is.
    public func put(
        bucket: String, key: String, file path: String, contentType: String, cacheControl: String
    ) async throws(ObjectStoreError) -> ObjectInfo {
        try await put(
            bucket: bucket, key: key, file: path, contentType: contentType, cacheControl: cacheControl,
            condition: .always)
    }
}

/// An open object. Used by one task at a time; closed when the last reference goes.
public protocol ObjectReader: Sendable {
    var info: ObjectInfo { get }

    /// Up to `count` bytes from `offset` on; empty only at or behind the end.
    func read(offset: Int64, count: Int) async throws(ObjectStoreError) -> [UInt8]
}

/// An object that is being written. Used by one task at a time. Dropped without `commit`, it leaves nothing behind.
public protocol ObjectWriter: Sendable {
    /// Appends bytes.
    func write(_ bytes: UnsafeRawBufferPointer) throws(ObjectStoreError)

    /// Makes the object durable and visible, in the place of an older one of that key. The last call.
    func commit() async throws(ObjectStoreError) -> ObjectInfo

    /// Drops what was written.
    func abort() async
}
