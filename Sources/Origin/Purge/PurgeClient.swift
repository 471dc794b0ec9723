// SPDX-License-Identifier: Apache-2.0

import Base
import NIOCore
import NIOHTTP1
import NIOPosix

/// Posts purges to a node's administration interface: HTTP/1.1, one request on a connection of its own.
struct PurgeClient: Sendable {
    /// A node's answer is one line.
    private static let answerBytesMax = 16_384

    /// Why a node has not confirmed.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let token: String
    let timeoutMilliseconds: Int

    /// Returns when the node has confirmed that it has purged, and that no restart of it brings anything back. Throws
    /// otherwise.
    func purge(_ endpoint: Endpoint, surrogateKeys: [String]) async throws {
        let target =
            "/purge?"
            + surrogateKeys.map { "surrogate-key=" + percentEncode($0.utf8, keepingSlashes: true) }
            .joined(separator: "&")
        let (status, answer) = try await withThrowingTaskGroup(of: (Int, String).self) { group in
            group.addTask { try await post(endpoint, target) }
            group.addTask {
                try await Task.sleep(for: .milliseconds(timeoutMilliseconds))
                throw Failure(description: "no answer within \(timeoutMilliseconds) ms")
            }
            defer { group.cancelAll() }
            guard let first = try await group.next() else { throw CancellationError() }
            return first
        }
        guard status == 200 else { throw Failure(description: "\(status) \(answer.prefix(200))") }
    }

    private func post(_ endpoint: Endpoint, _ target: String) async throws -> (Int, String) {
        let channel = try await ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .connectTimeout(.milliseconds(Int64(timeoutMilliseconds)))
            .connect(host: endpoint.address, port: Int(endpoint.port)) { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHTTPClientHandlers()
                    return try NIOAsyncChannel<HTTPClientResponsePart, HTTPClientRequestPart>(
                        wrappingChannelSynchronously: channel)
                }
            }
        return try await channel.executeThenClose { inbound, outbound in
            var head = HTTPRequestHead(version: .http1_1, method: .POST, uri: target)
            head.headers = [
                "host": "\(endpoint)", "authorization": "Bearer \(token)", "content-length": "0", "connection": "close",
            ]
            try await outbound.write(.head(head))
            try await outbound.write(.end(nil))
            return try await Self.read(inbound)
        }
    }

    private static func read(
        _ inbound: NIOAsyncChannelInboundStream<HTTPClientResponsePart>
    ) async throws -> (Int, String) {
        var status = 0
        var answer = ByteBuffer()
        for try await part in inbound {
            switch part {
            case .head(let head): status = Int(head.status.code)
            case .body(var bytes):
                answer.writeBuffer(&bytes)
                guard answer.readableBytes <= answerBytesMax else { throw Failure(description: "a long answer") }
            case .end: return (status, String(buffer: answer))
            }
        }
        throw Failure(description: "the connection was closed without an answer")
    }
}
