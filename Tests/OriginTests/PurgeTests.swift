// SPDX-License-Identifier: Apache-2.0

import Backends
import Base
import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import Synchronization
import Testing

@testable import Origin

/// The origin's purges, to nodes that are real servers.
@Suite struct PurgeTests {
    private static let token = String(repeating: "ab", count: 16)

    /// What a node was sent; it refuses the first requests.
    private final class Node: Sendable {
        let seen = Mutex<[String]>([])
        let refusals: Atomic<Int>

        init(refusals: Int) { self.refusals = Atomic(refusals) }

        func answer(_ request: Request) -> Response {
            guard request.headers[.authorization] == "Bearer \(PurgeTests.token)" else {
                return Response(status: .unauthorized)
            }
            guard refusals.subtract(1, ordering: .relaxed).newValue < 0 else {
                return Response(status: .internalServerError)
            }
            seen.withLock { $0.append("\(request.method.rawValue) \(request.uri.string)") }
            return Response(status: .ok, body: ResponseBody(byteBuffer: ByteBuffer(string: "{}")))
        }
    }

    /// A deletion reaches a node that refuses twice, and is forgotten then.
    @Test func aDeletionIsSentUntilItIsConfirmed() async throws {
        let node = Node(refusals: 2)
        let responder = CallbackResponder<BasicRequestContext> { request, _ in node.answer(request) }
        let server = Application(
            responder: responder, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)))
        try await server.test(.live) { live in
            let origin = try TestOrigin { configuration in
                configuration.purge.edges = [Endpoint(address: "127.0.0.1", port: UInt16(live.port ?? 0))]
                let file = configuration.state + "-admin.token"
                try? Self.token.write(toFile: file, atomically: true, encoding: .utf8)
                configuration.purge.tokenFile = file
            }
            let services = origin.services
            let video = try await services.api.catalog.createVideo(title: "Clip", description: "")
            try await origin.finish(video.id)
            try await services.apiApplication.test(.router) { client in
                let deleted = try await client.call(.delete, "/v1/videos/\(video.id)")
                #expect(deleted.status == .noContent)
                let sending = Task { try await services.purges.run() }
                defer { sending.cancel() }
                // The tests beside it keep all threads busy for minutes.
                let deadline = ContinuousClock.now + .seconds(300)
                while try await services.api.outbox.pending().count > 0 {
                    try #require(ContinuousClock.now < deadline)
                    try await Task.sleep(for: .milliseconds(50))
                }
                #expect(node.seen.withLock { $0.joined(separator: " ") }.contains("surrogate-key=v/\(video.id)"))
                let metrics = try await client.call(.get, "/metrics").text
                #expect(metrics.contains("spillway_origin_purge_attempts_failed_total 2\n"))
                #expect(metrics.contains("spillway_origin_purges_pending 0\n"))
            }
        }
    }

    @Test func aMissingTokenFileIsSaidAtTheStart() throws {
        #expect(throws: SystemError.self) {
            try TestOrigin { configuration in
                configuration.purge.shields = [Endpoint(address: "127.0.0.1", port: 1)]
                configuration.purge.tokenFile = "/nonexistent/token"
            }
        }
    }
}
