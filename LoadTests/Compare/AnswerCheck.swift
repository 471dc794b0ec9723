// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Looks at a server's answers before it is measured: every byte right, and a hit where it is to be one.
enum AnswerCheck {
    /// Asks for each object four times with curl, twice over HTTP/2 and twice over HTTP/1.1, as different clients.
    /// Throws when a body is not the upstream's, when a server with an upstream did not ask it exactly once, or when
    /// one that serves files asked it at all.
    static func run(_ server: RunningServer) throws {
        for object in BenchObject.all {
            let expected = Data(object.makeBody())
            for (client, version) in ["--http2", "--http2", "--http1.1", "--http1.1"].enumerated() {
                let before = server.upstreamRequests
                let body = try fetch(object, from: server, client: client, version: version)
                guard body == expected else {
                    throw BenchError(
                        "\(server.name): the body of \(object.title) over \(version) is not the upstream's")
                }
                let asked = server.upstreamRequests - before
                guard asked == (client == 0 && server.recipe.hasUpstream ? 1 : 0) else {
                    throw BenchError(
                        "\(server.name): request \(client + 1) for \(object.title) asked upstream \(asked) times")
                }
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
