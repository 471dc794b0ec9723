// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import Backends

@Suite struct FileObjectStoreTests {
    let folder: TemporaryFolder
    let store: FileObjectStore

    init() throws {
        folder = try TemporaryFolder()
        store = try FileObjectStore(root: folder.path + "/objects")
    }

    func put(_ key: String, _ text: String, bucket: String = "media") async throws -> ObjectInfo {
        let file = try folder.write(UUID().uuidString, text)
        return try await store.put(
            bucket: bucket, key: key, file: file, contentType: "text/plain", cacheControl: "max-age=1")
    }

    func read(_ key: String) async throws -> String {
        let reader = try await store.open(bucket: "media", key: key)
        var bytes: [UInt8] = []
        while true {
            let piece = try await reader.read(offset: Int64(bytes.count), count: 3)
            if piece.isEmpty { return String(decoding: bytes, as: UTF8.self) }
            bytes += piece
        }
    }

    func blobCount() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: folder.path + "/objects/media/blobs").count
    }

    @Test func anObjectIsStoredWholeAndDescribed() async throws {
        let info = try await put("v/a/master.m3u8", "hello")
        #expect(info.etag == "5d41402abc4b2a76b9719d911017c592")
        #expect(info.size == 5)
        #expect(info.contentType == "text/plain")
        #expect(info.cacheControl == "max-age=1")
        #expect(try await store.head(bucket: "media", key: "v/a/master.m3u8") == info)
        #expect(try await read("v/a/master.m3u8") == "hello")
        let copy = folder.path + "/copy"
        try await store.fetch(bucket: "media", key: "v/a/master.m3u8", toFile: copy)
        #expect(try String(contentsOfFile: copy, encoding: .utf8) == "hello")
    }

    @Test func aReplacedObjectKeepsItsOpenReadersAndFreesItsBytes() async throws {
        _ = try await put("a", "first")
        let reader = try await store.open(bucket: "media", key: "a")
        _ = try await put("a", "second")
        #expect(try await reader.read(offset: 0, count: 100) == Array("first".utf8))
        #expect(try await read("a") == "second")
        #expect(try blobCount() == 1)
        try await store.delete(bucket: "media", key: "a")
        try await store.delete(bucket: "media", key: "a")
        #expect(try blobCount() == 0)
        await #expect(throws: ObjectStoreError.notFound) { try await store.head(bucket: "media", key: "a") }
    }

    @Test func nothingIsVisibleBeforeTheCommit() async throws {
        do {
            let writer = try await store.create(bucket: "media", key: "a", contentType: "", cacheControl: "")
            try "half".utf8CString.withUnsafeBytes { try writer.write($0) }
            await #expect(throws: ObjectStoreError.notFound) { try await store.head(bucket: "media", key: "a") }
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: folder.path + "/objects/incoming")
        #expect(left.isEmpty)
        await #expect(throws: ObjectStoreError.notFound) { try await store.head(bucket: "media", key: "a") }
    }

    @Test func keysAreListedInOrderAndDeletedByPrefix() async throws {
        for key in ["v/a/480p/1.m4s", "v/a/480p/0.m4s", "v/a/master.m3u8", "v/ab/master.m3u8", "v/a"] {
            _ = try await put(key, key)
        }
        #expect(
            try await store.list(bucket: "media", prefix: "v/a/").map(\.key)
                == ["v/a/480p/0.m4s", "v/a/480p/1.m4s", "v/a/master.m3u8"])
        #expect(try await store.deleteAll(bucket: "media", prefix: "v/a/") == 3)
        #expect(try await store.deleteAll(bucket: "media", prefix: "v/a/") == 0)
        #expect(try await store.list(bucket: "media", prefix: "").map(\.key) == ["v/a", "v/ab/master.m3u8"])
        #expect(try await store.list(bucket: "other", prefix: "").isEmpty)
        #expect(try blobCount() == 2)
    }

    @Test func hostileKeysAreRefused() async throws {
        let keys = [
            "", "/", "/a", "a/", "a//b", "..", "../a", "a/../b", "a/..", ".", "a/./b", "a\0b", "a%2fb", "a\\b", "a b",
            "é",
            "a+json", String(repeating: "x", count: 201), String(repeating: "x/", count: 300) + "x", "a\nb", "a:b",
            "~a",
        ]
        for key in keys {
            #expect(ObjectNames.problem(key: key) != nil)
            await #expect(throws: ObjectStoreError.self) { try await put(key, "x") }
            await #expect(throws: ObjectStoreError.self) { try await store.open(bucket: "media", key: key) }
            await #expect(throws: ObjectStoreError.self) { try await store.delete(bucket: "media", key: key) }
        }
    }

    @Test(arguments: ["", "ab", "..", "a/b", "Media", "incoming/..", "a.b"])
    func hostileBucketsAreRefused(bucket: String) async throws {
        await #expect(throws: ObjectStoreError.self) { try await put("a", "x", bucket: bucket) }
        await #expect(throws: ObjectStoreError.self) { try await store.list(bucket: bucket, prefix: "") }
    }

    @Test func manyWritersOfOneKeyLeaveOneWholeObject() async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<40 {
                group.addTask { _ = try await put("a/b", String(repeating: "\(index % 10)", count: 1000)) }
            }
            try await group.waitForAll()
        }
        let text = try await read("a/b")
        #expect(text.count == 1000)
        #expect(Set(text).count == 1)
        #expect(try blobCount() == 1)
    }
}
