// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Looks at a server's answers before it is measured: every byte right, and a hit where it is to be one.
enum AnswerCheck {
    private static let attemptsMax = 100
    private static let hitsWanted = 4

    /// Asks for each object with curl, over HTTP/2 and HTTP/1.1 by turns, as different clients, until each cache of the
    /// server has asked the upstream once and four hits came after that. Throws when a body is not the upstream's, when
    /// the upstream was asked more often, or when a cache stays cold.
    static func run(_ server: RunningServer) throws {
        for object in BenchObject.all {
            let expected = Data(object.makeBody())
            let before = server.upstreamRequests
            var client = 0
            var hits = 0
            while hits < hitsWanted {
                guard client < attemptsMax else {
                    throw BenchError("\(server.name): not all of its caches hold \(object.title)")
                }
                let askedBefore = server.upstreamRequests
                let version = client % 2 == 0 ? "--http2" : "--http1.1"
                guard try fetch(object, from: server, client: client, version: version) == expected else {
                    throw BenchError(
                        "\(server.name): the body of \(object.title) over \(version) is not the upstream's")
                }
                let asked = server.upstreamRequests - before
                guard asked <= server.recipe.cacheCount else {
                    throw BenchError("\(server.name) asked upstream \(asked) times for \(object.title)")
                }
                let isHit = server.upstreamRequests == askedBefore
                if isHit && asked == server.recipe.cacheCount { hits += 1 }
                client += 1
            }
        }
    }

    private static func fetch(
        _ object: BenchObject, from server: RunningServer, client: Int, version: String
    ) throws -> Data? {
        let body = server.site.path + "/body"
        let words = ["curl", "--silent", "--show-error", "--fail", version, "--max-time", "20"]
        try Programs.run(
            words + [
                "--cacert", server.site.folder.certificate, "--output", body,
                try server.address(object, client: client),
            ], output: server.site.path + "/curl.log")
        return FileManager.default.contents(atPath: body)
    }
}
