// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing

@testable import Origin

/// The S3 endpoint and delivery behind a real HTTP server.
@Suite struct S3EndpointTests {
    /// The path and query of a presigned URL.
    func path(_ origin: TestOrigin, _ method: String, _ key: String, bucket: String = "uploads", lifetime: Int = 60)
        -> String
    {
        let url = origin.services.api.presigner.url(
            method: method, bucket: bucket, key: key, lifetimeSeconds: lifetime, now: Clock.wallSeconds())
        return String(url.dropFirst("http://localhost".count))
    }

    @Test func anObjectMakesTheRoundTrip() async throws {
        let origin = try TestOrigin()
        let id = try await origin.services.api.catalog.createVideo(title: "Clip", description: "").id
        let body = ByteBuffer(string: String(repeating: "0123456789", count: 100_000))
        try await origin.services.s3Application.test(.live) { client in
            let put = try await client.execute(
                uri: path(origin, "PUT", "\(id)/raw"), method: .put,
                headers: [.contentType: "video/mp4", .origin: "http://page"], body: body)
            #expect(put.status == .ok)
            #expect(put.headers[.eTag] == "\"174ac9a4f023a557a68ab0417355970e\"")
            #expect(put.headers[.accessControlAllowOrigin] == "*")
            let get = try await client.execute(uri: path(origin, "GET", "\(id)/raw"), method: .get)
            #expect(get.body == body && get.headers[.contentType] == "video/mp4")
            let part = try await client.execute(
                uri: path(origin, "GET", "\(id)/raw"), method: .get, headers: [.range: "bytes=999998-"])
            #expect(part.status == .partialContent && part.text == "89")
            #expect(part.headers[.contentRange] == "bytes 999998-999999/1000000")
            let head = try await client.execute(uri: path(origin, "HEAD", "\(id)/raw"), method: .head)
            #expect(head.headers[.contentLength] == "1000000" && head.body.readableBytes == 0)
            let delete = try await client.execute(uri: path(origin, "DELETE", "\(id)/raw"), method: .delete)
            #expect(delete.status == .noContent)
            let gone = try await client.execute(uri: path(origin, "GET", "\(id)/raw"), method: .get)
            #expect(gone.status == .notFound && gone.text.contains("<Code>NoSuchKey</Code>"))
        }
    }

    @Test func refusalsAreXMLAndStoreNothing() async throws {
        let origin = try TestOrigin { $0.s3.uploadBytesMax = 1 << 20 }
        try await origin.services.s3Application.test(.live) { client in
            func code(_ uri: String, _ method: HTTPRequest.Method, _ headers: HTTPFields = [:], bytes: Int = 5)
                async throws -> String
            {
                let body = method == .put ? ByteBuffer(repeating: 0x61, count: bytes) : nil
                let answer = try await client.execute(uri: uri, method: method, headers: headers, body: body)
                let parts = answer.text.components(separatedBy: ["<", ">"])
                return parts.firstIndex(of: "Code").map { parts[$0 + 1] } ?? "\(answer.status.code)"
            }
            let catalog = origin.services.api.catalog
            let id = try await catalog.createVideo(title: "Clip", description: "").id
            let good = path(origin, "PUT", "\(id)/raw")
            #expect(try await code(good, .get) == "SignatureDoesNotMatch")
            #expect(try await code(good + "0", .put) == "SignatureDoesNotMatch")
            #expect(try await code("/uploads/id/raw", .put) == "AccessDenied")
            #expect(try await code(good, .put, bytes: (1 << 20) + 1) == "EntityTooLarge")
            #expect(try await code(good, .put, [.contentMD5: "AAAAAAAAAAAAAAAAAAAAAA=="]) == "BadDigest")
            #expect(try await code(path(origin, "PUT", "a", bucket: "other"), .put) == "NoSuchBucket")
            #expect(try await code(path(origin, "PUT", "../a"), .put) == "InvalidArgument")
            #expect(try await code(path(origin, "PUT", "a%2fb"), .put) == "InvalidArgument")
            #expect(try await code(path(origin, "POST", "a"), .post) == "MethodNotAllowed")
            #expect(try await code(path(origin, "PUT", "\(id)/other"), .put) == "AccessDenied")
            #expect(try await code(path(origin, "PUT", "none/raw"), .put) == "AccessDenied")
            try await origin.finish(id)
            #expect(try await code(good, .put) == "AccessDenied")
            let answer = try await client.execute(uri: "/uploads/a&b", method: .get)
            #expect(answer.text.contains("/uploads/a&amp;b</Resource>"))
        }
        #expect(try await origin.services.api.store.list(bucket: "uploads", prefix: "").isEmpty)
        let left = try FileManager.default.contentsOfDirectory(atPath: origin.folder + "/state/objects/incoming")
        #expect(left.isEmpty)
    }

    @Test func browsersMayAskBeforeTheyPut() async throws {
        let origin = try TestOrigin()
        try await origin.services.s3Application.test(.live) { client in
            let answer = try await client.execute(
                uri: "/uploads/id/raw", method: .options,
                headers: [
                    .origin: "http://page", .accessControlRequestMethod: "PUT",
                    .accessControlRequestHeaders: "content-type",
                ])
            #expect(answer.status == .noContent)
            #expect(answer.headers[.accessControlAllowMethods]?.contains("PUT") == true)
            #expect(answer.headers[.accessControlAllowHeaders] == "content-type")
        }
    }

    @Test func onlyTheRightBodyIsWantedAfterExpect() throws {
        let origin = try TestOrigin { $0.s3.uploadBytesMax = 1 << 20 }
        func wants(_ path: String, length: Int) -> Bool {
            let head = HTTPRequest(
                method: .put, scheme: "http", authority: "localhost", path: path,
                headerFields: [.contentLength: "\(length)"])
            return origin.services.s3.wantsBody(of: head)
        }
        #expect(wants(path(origin, "PUT", "id/raw"), length: 5))
        #expect(!wants(path(origin, "PUT", "id/raw"), length: (1 << 20) + 1))
        #expect(!wants(path(origin, "GET", "id/raw"), length: 5))
        #expect(!wants("/uploads/id/raw", length: 5))
    }

    @Test func deliveryAnswersShields() async throws {
        let origin = try TestOrigin()
        try await origin.putMedia("v/abc/480p/0.m4s", String(repeating: "0123456789", count: 100_000))
        try await origin.services.deliveryApplication.test(.live) { client in
            let uri = "/v/abc/480p/0.m4s"
            let whole = try await client.execute(uri: uri, method: .get)
            #expect(whole.status == .ok && whole.body.readableBytes == 1_000_000)
            #expect(whole.headers[.contentType] == "video/mp4")
            #expect(whole.headers[.cacheControl] == "public, max-age=31536000, immutable")
            #expect(whole.headers[.surrogateKey] == "v/abc")
            #expect(whole.headers[.acceptRanges] == "bytes")
            #expect(whole.headers[.date] != nil && whole.headers[.lastModified] != nil)
            let part = try await client.execute(uri: uri, method: .get, headers: [.range: "bytes=500000-500004"])
            #expect(part.status == .partialContent && part.text == "01234")
            let outside = try await client.execute(uri: uri, method: .get, headers: [.range: "bytes=1000000-"])
            #expect(outside.status == .rangeNotSatisfiable)
            #expect(outside.headers[.contentRange] == "bytes */1000000")
            let fresh = try await client.execute(
                uri: uri, method: .get, headers: [.ifNoneMatch: whole.headers[.eTag] ?? ""])
            #expect(fresh.status == .notModified && fresh.body.readableBytes == 0)
            let head = try await client.execute(uri: uri, method: .head)
            #expect(head.headers[.contentLength] == "1000000" && head.body.readableBytes == 0)
            let missing = try await client.execute(uri: "/v/abc/none", method: .get)
            #expect(missing.status == .notFound && missing.headers[.cacheControl] == "max-age=1")
            #expect(try await client.execute(uri: uri, method: .put).status == .methodNotAllowed)
            #expect(try await client.execute(uri: "/v/abc/../abc/480p/0.m4s", method: .get).status == .notFound)
        }
        let log = try String(contentsOfFile: origin.folder + "/access.jsonl", encoding: .utf8)
        let lines = log.split(separator: "\n")
        #expect(lines.count == 8)
        #expect(
            lines[0].contains(#""method":"GET","path":"/v/abc/480p/0.m4s","status":200,"bytes":1000000,"range":null"#))
        #expect(lines[1].contains(#""status":206,"bytes":5,"range":"bytes=500000-500004""#))
    }
}
