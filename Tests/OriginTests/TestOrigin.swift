// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore

@testable import Origin

/// An origin of its own for one test: a new folder, real stores, and the routes without a network.
final class TestOrigin: Sendable {
    static let secret = "secret-of-the-test"
    static let credential = S3Credential(accessKey: "TESTKEY", secretKey: "s3-secret-of-the-test")

    let folder: String
    let services: OriginServices

    init(change: (inout OriginConfiguration) -> Void = { _ in }) throws {
        let folder = NSTemporaryDirectory() + "spillway-test-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: folder + "/web", withIntermediateDirectories: true)
        self.folder = folder
        func write(_ name: String, _ text: String) throws -> String {
            try text.write(toFile: folder + "/" + name, atomically: true, encoding: .utf8)
            return folder + "/" + name
        }
        var configuration = OriginConfiguration()
        configuration.state = folder + "/state"
        configuration.api.keysFile = try write("api.keys", "# comment\ntester:\(Self.secret)\n")
        configuration.api.webFolder = folder + "/web"
        configuration.s3.publicURL = "http://localhost"
        configuration.s3.credentialsFile = try write(
            "s3.credentials", "\(Self.credential.accessKey):\(Self.credential.secretKey)\n")
        configuration.playback.tokenKeysFile = try write("token.keys", String(repeating: "ab", count: 32) + "\n")
        configuration.delivery.accessLog = folder + "/access.jsonl"
        _ = try write("web/index.html", "<!doctype html><title>page</title>")
        _ = try write("web/app.mjs", "export {}")
        _ = try write("web/.hidden.txt", "hidden")
        change(&configuration)
        services = try OriginServices(configuration)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// Stores a media object as a worker would.
    func putMedia(_ key: String, _ text: String) async throws {
        let file = folder + "/" + UUID().uuidString
        try text.write(toFile: file, atomically: true, encoding: .utf8)
        _ = try await services.delivery.store.put(
            bucket: "media", key: key, file: file, contentType: "video/mp4",
            cacheControl: "public, max-age=31536000, immutable")
    }

    /// Brings a video to READY as a worker would.
    func finish(_ id: String) async throws {
        let queue = services.api.queue
        try await queue.enqueue(videoID: id)
        guard let plan = try await queue.lease(worker: "test", durationMilliseconds: 60000) else { return }
        _ = try await queue.complete(
            plan, outcome: PartOutcome(plan: "", parts: [PartSpec(kind: .assembly, weight: 1)]))
        guard let assembly = try await queue.lease(worker: "test", durationMilliseconds: 60000) else { return }
        let segment = PublishedSegment(
            rendition: "480p", index: 0, durationMilliseconds: 6000, bytes: 10, key: "v/\(id)/480p/0.m4s")
        let result = TranscodeResult(durationMilliseconds: 30000, width: 854, height: 480, segments: [segment])
        _ = try await queue.complete(assembly, outcome: PartOutcome(result: result))
    }
}

extension TestClientProtocol {
    /// A call of the API with the test's key and a JSON body.
    func call(
        _ method: HTTPRequest.Method, _ uri: String, _ json: String? = nil, key: String? = TestOrigin.secret
    ) async throws -> TestResponse {
        var headers: HTTPFields = [:]
        if let key { headers[.authorization] = "Bearer \(key)" }
        return try await executeRequest(
            uri: uri, method: method, headers: headers, body: json.map { ByteBuffer(string: $0) } ?? ByteBuffer())
    }
}

extension TestResponse {
    var text: String { String(buffer: body) }

    /// The body as a JSON object; empty for anything else.
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.readableBytesView))) as? [String: Any] ?? [:]
    }

    /// The last part of a problem document's type.
    var problem: String {
        guard headers[.contentType] == "application/problem+json", json["status"] as? Int == status.code else {
            return "no problem document: \(text)"
        }
        return (json["type"] as? String ?? "").replacingOccurrences(of: "urn:spillway:problem:", with: "")
    }
}
