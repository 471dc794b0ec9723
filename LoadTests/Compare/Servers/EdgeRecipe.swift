// SPDX-License-Identifier: Apache-2.0

/// Our edge: memory cache, tokens required, each load connection with a token of its own in the path.
struct EdgeRecipe: ServerRecipe {
    static let name = "Spillway edge"

    /// The program to run.
    let program: String
    /// What tables call it.
    var name: String = EdgeRecipe.name
    /// Processes on the same port, among which the kernel spreads connections (SO_REUSEPORT) as it does among the workers
    /// of one process.
    var processes = 1

    var role: String { "cache in memory, a signed token checked on each request" }
    var programs: [String] { [program] }
    var cacheCount: Int { processes }

    func path(_ object: BenchObject, client: Int, in folder: BenchFolder) throws -> String {
        try folder.signedPath(object, client: client)
    }

    func prepare(_ site: ServerSite) throws -> [ServerCommand] {
        let configuration = try site.write(
            "edge.conf",
            """
            role: edge
            name: bench
            workers: \(site.workers)
            log: {level: error}
            listen:
              - {endpoint: 127.0.0.1:\(site.port), tls: true}
            tls:
              certificate: \(site.folder.certificate)
              key: \(site.folder.certificateKey)
            token: {required: true, keysFile: \(site.folder.tokenKeysFile)}
            upstream: {servers: [127.0.0.1:\(site.upstreamPort)]}
            limits:
              connectionsPerWorker: \(site.connections)
              requestsPerConnection: 1000000000
              lifetimeMilliseconds: 604800000
              idleTimeoutMilliseconds: \(site.idleSeconds * 1000)

            """)
        let command = ServerCommand(words: [program, "--config", configuration])
        return Array(repeating: command, count: processes)
    }

    func version(scratch: String) throws -> String {
        try Programs.run([program, "--version"], output: scratch).firstLine.replacing("edge ", with: "")
            .split(separator: " ").first.map(String.init) ?? ""
    }
}

extension String {
    /// Up to the first line end.
    var firstLine: String { String(prefix { $0 != "\n" }) }
}
