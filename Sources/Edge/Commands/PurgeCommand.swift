// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import CLinux
import Glibc

/// `edge purge`: takes what has changed out of the caches of running nodes.
struct PurgeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "purge",
        abstract: "Takes what has changed out of the caches of running nodes.",
        discussion: """
            Prints a line for each node, and exits with 0 only when every one of them has confirmed. Name shields \
            before the edges that fetch from them, or an edge may fetch again what its shield still holds.
            """)

    /// The items of one request: a node takes a target of 60,000 bytes, and 1,000 items.
    private static let requestBytesMax = 32_000
    private static let requestItemsMax = 500

    @Option(name: .long, help: "The address of a node's administration interface, such as 127.0.0.1:9901; repeatable.")
    var admin: [String] = []

    @Option(name: .long, help: "The file with the token of these nodes' admin.tokenFile.")
    var tokenFile: String?

    @Option(name: .long, help: "The configuration of a node, to read its address and token file from; repeatable.")
    var config: [String] = []

    @Option(name: .long, help: "A path, with its query if it has one; repeatable.")
    var url: [String] = []

    @Option(name: .long, help: "The beginning of paths; repeatable.")
    var prefix: [String] = []

    @Option(name: .long, help: "A surrogate key, such as v/ID for all of a video; repeatable.")
    var surrogateKey: [String] = []

    @Flag(name: .long, help: "Everything.")
    var all = false

    @Option(name: .long, help: "Only what belongs to the site of this host.")
    var site: String?

    @Flag(name: .long, help: "Make it stale instead of taking it out: it still serves while upstream fails.")
    var soft = false

    @Option(name: .long, help: "How long a node may take to answer, in milliseconds.")
    var timeoutMilliseconds = 5000

    func validate() throws {
        guard !admin.isEmpty || !config.isEmpty else { throw ValidationError("--admin or --config is needed.") }
        guard admin.isEmpty || tokenFile != nil else { throw ValidationError("--admin needs --token-file.") }
        guard all || !url.isEmpty || !prefix.isEmpty || !surrogateKey.isEmpty else {
            throw ValidationError("Nothing is named: --url, --prefix, --surrogate-key or --all is needed.")
        }
        for text in admin where Endpoint(text) == nil {
            throw ValidationError("`\(text)` is not a numeric address with a port, such as 127.0.0.1:9901.")
        }
        guard (1...600_000).contains(timeoutMilliseconds) else {
            throw ValidationError("--timeout-milliseconds is 1 to 600000.")
        }
    }

    func run() throws {
        spw_ignore_sigpipe()
        do {
            let nodes = try nodes()
            var confirmed = 0
            for node in nodes where purge(node) { confirmed += 1 }
            guard confirmed == nodes.count else { throw ExitCode(1) }
        } catch let error as ConfigurationError {
            EdgeCommand.fail("\(error)", code: 2)
        } catch let error as SystemError {
            EdgeCommand.fail("edge: \(error)", code: 2)
        }
    }

    private struct Node {
        var endpoint: Endpoint
        var token: String
    }

    private func nodes() throws -> [Node] {
        var nodes: [Node] = []
        if let tokenFile, !admin.isEmpty {
            let token = try BearerTokens(file: tokenFile).first
            nodes += admin.compactMap { Endpoint($0) }.map { Node(endpoint: $0, token: token) }
        }
        for file in config {
            let configuration = try EdgeConfiguration(file: file)
            guard let endpoint = configuration.admin else {
                throw configuration.adminPlace?.error("is needed to purge this node") ?? ExitCode(2)
            }
            guard let tokens = tokenFile ?? configuration.adminTokenFile else {
                throw configuration.adminTokenPlace?.error("is needed to purge this node") ?? ExitCode(2)
            }
            nodes.append(Node(endpoint: endpoint, token: try BearerTokens(file: tokens).first))
        }
        return nodes
    }

    /// Sends everything to one node; true when it has confirmed all of it.
    private func purge(_ node: Node) -> Bool {
        for target in targets() {
            do {
                let answer = try AdminClient.post(
                    node.endpoint, target, token: node.token, timeoutMilliseconds: timeoutMilliseconds)
                let text = answer.content.split(separator: "\n").first.map(String.init) ?? ""
                print("\(node.endpoint): \(answer.status) \(text)")
                guard answer.status == 200 else { return false }
            } catch {
                print("\(node.endpoint): \(error)")
                return false
            }
        }
        return true
    }

    /// The targets of the requests that hold all items.
    private func targets() -> [String] {
        let common =
            (soft ? "&soft=1" : "") + (site.map { "&site=" + percentEncoded($0) } ?? "") + (all ? "&all=1" : "")
        let items =
            url.map { "&url=" + percentEncoded($0) } + prefix.map { "&prefix=" + percentEncoded($0) }
            + surrogateKey.map { "&surrogate-key=" + percentEncoded($0) }
        var queries: [String] = []
        var query = common
        var count = 0
        for item in items {
            if count == Self.requestItemsMax || query.utf8.count + item.utf8.count > Self.requestBytesMax, count > 0 {
                queries.append(query)
                query = common
                count = 0
            }
            query += item
            count += 1
        }
        return (queries + [query]).map { "/purge?" + $0.dropFirst() }
    }
}
