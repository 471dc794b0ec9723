// SPDX-License-Identifier: Apache-2.0

/// h2o with one thread, serving files from a folder: it has no cache of HTTP responses.
struct H2ORecipe: ServerRecipe {
    static let name = "h2o"

    var name: String { Self.name }
    var role: String { "static files" }
    var programs: [String] { ["h2o"] }
    var cacheCount: Int { 0 }

    func prepare(_ site: ServerSite) throws -> [ServerCommand] {
        let configuration = try site.write(
            "h2o.conf",
            """
            \(site.isRoot ? "user: root" : "# not root: no user to change to")
            num-threads: \(site.workers)
            max-connections: \(site.connections)
            http1-request-timeout: \(site.idleSeconds)
            http2-idle-timeout: \(site.idleSeconds)
            listen:
              host: 127.0.0.1
              port: \(site.port)
              ssl:
                certificate-file: \(site.folder.certificate)
                key-file: \(site.folder.certificateKey)
                minimum-version: TLSv1.2
            hosts:
              default:
                paths:
                  /:
                    file.dir: \(site.folder.files)

            """)
        // In the mode `worker` it is one process in the foreground.
        return [ServerCommand(words: ["h2o", "-m", "worker", "-c", configuration])]
    }

    func version(scratch: String) throws -> String {
        try Programs.run(["h2o", "--version"], output: scratch).firstLine.replacing("h2o version ", with: "")
    }
}
