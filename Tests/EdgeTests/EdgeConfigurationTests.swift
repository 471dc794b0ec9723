// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation
import Net
import Testing

@testable import Edge

@Suite struct EdgeConfigurationTests {
    private func problems(_ text: String) -> [String] {
        do {
            _ = try EdgeConfiguration(Configuration(text: text, file: "edge.conf"))
            return []
        } catch let error as ConfigurationError {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    private let least = """
        listen: [{endpoint: 127.0.0.1:8443}]
        tls: {certificates: [{certificate: var/tls/edge.crt, key: var/tls/edge.key}]}
        token: {keysFile: var/keys/token.keys}
        upstream: {servers: [127.0.0.1:8500]}
        admin: {listen: 127.0.0.1:9901}
        """

    /// The documented file says each key's default: with and without it the configuration is the same.
    @Test func theDocumentedFileHoldsTheDefaults() throws {
        let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let documented = try EdgeConfiguration(file: root.appendingPathComponent("edge.conf").path)
        let defaults = try EdgeConfiguration(Configuration(text: least, file: "least"))
        #expect("\(documented)" == "\(defaults)")
    }

    @Test func aShieldNeedsNeitherTLSNorTokens() throws {
        let text = "role: shield\nlisten: [{endpoint: 127.0.0.1:8500}]\nupstream: {servers: [127.0.0.1:8081]}\n"
        let shield = try EdgeConfiguration(Configuration(text: text, file: "x"))
        #expect(!shield.tokenRequired)
        #expect(!shield.listen[0].usesTLS)
        #expect(shield.crossOrigin.allowOrigins == [])
        #expect(shield.name == "shield")
    }

    @Test func whatIsMissingIsNamed() {
        let found = problems("role: edge\n")
        #expect(found.contains { $0.contains("listen: needs at least one entry") })
        #expect(found.contains { $0.contains("token.keysFile: is required") })
        #expect(found.contains { $0.contains("upstream.servers: needs at least one server") })
    }

    @Test(arguments: [
        ("workers: 0", "workers: is `0`"), ("workers: 65", "workers: is `65`"),
        ("role: origin", "allowed: edge, shield"),
        ("name: a b", "name: is `a b`"), ("cache: {memoryBytes: 1KiB}", "cache.memoryBytes: is `1KiB`"),
        ("cache: {policy: fifo}", "cache.policy: is `fifo`; allowed: sieve, s3fifo, lru"),
        ("upstream: {servers: [origin.example:80]}", "upstream.servers: holds `origin.example:80`"),
        ("upstream: {servers: [127.0.0.1:1, 127.0.0.1:1]}", "upstream.servers: holds `127.0.0.1:1` twice"),
        ("upstream: {servers: []}", "upstream.servers: needs at least one server"),
        ("upstream: {servers: [{name: a}]}", "upstream.servers[0].endpoint: is required"),
        ("upstream: {servers: [{endpoint: a:1}]}", "upstream.servers[0].endpoint: is `a:1`"),
        ("upstream: {servers: [{endpoint: 127.0.0.1:1, name: 'a b'}]}", "upstream.servers[0].name: is `a b`"),
        ("upstream: {servers: [{endpoint: 127.0.0.1:1, weight: 0}]}", "upstream.servers[0].weight: is `0`"),
        ("upstream: {servers: [127.0.0.1:2, [127.0.0.1:1]]}", "upstream.servers[1]: must be a text or hold"),
        ("upstream: {servers: [127.0.0.1:1], fallback: [127.0.0.1:1]}", "which stands in `servers`, too"),
        ("upstream: {servers: [127.0.0.1:1], loadFactor: 1}", "upstream.loadFactor: is `1.0`; 0, or a number above 1"),
        ("upstream: {servers: [127.0.0.1:1], loadFactor: x}", "upstream.loadFactor: is `x`"),
        ("upstream: {servers: [127.0.0.1:1], hostHeader: 'a b'}", "upstream.hostHeader: is `a b`"),
        ("upstream: {servers: [127.0.0.1:1], tls: {certificate: a}}", "upstream.tls.key: is required"),
        ("upstream: {servers: [127.0.0.1:1], tls: {serverName: a:1}}", "upstream.tls.serverName: is `a:1`"),
        ("upstream: {servers: [127.0.0.1:1], health: {path: a}}", "upstream.health.path: is `a`"),
        ("upstream: {servers: [127.0.0.1:1], health: {pat: /a}}", "upstream.health.pat: is not a known key"),
        ("upstream: {servers: [127.0.0.1:1], fetchesMax: 0}", "upstream.fetchesMax: is `0`"),
        ("limits: {contentBytesPerWorker: 1}", "limits.contentBytesPerWorker: is `1`"),
        ("limits: {streems: 3}", "limits.streems: is not a known key"),
        ("limits: {connectionsPerAddress: -1}", "limits.connectionsPerAddress: is `-1`"),
        ("limits: {lifetimeMilliseconds: 999}", "limits.lifetimeMilliseconds: is `999`"),
        ("limits: {framesPerMinute: {pings: 0}}", "limits.framesPerMinute.pings: is `0`"),
        ("limits: {framesPerMinute: {pongs: 1}}", "limits.framesPerMinute.pongs: is not a known key"),
        (
            "listen: [{endpoint: 127.0.0.1:1}, {endpoint: 127.0.0.1:1}]",
            "listen[1].endpoint: is `127.0.0.1:1`, as in an entry"
        ),
        ("tls: {certificates: [{certificate: a.crt}]}", "tls.certificates[0].key: is required"),
        ("tls: {certificates: []}", "tls.certificates: needs at least one"),
        ("tls: {certificates: [{certificate: a, key: b}], minimumVersion: 1.1}", "allowed: 1.2, 1.3"),
        ("tls: {certificates: [{certificate: a, key: b}], certificate: c}", "tls.certificate: stands beside"),
        ("tls: {certificate: a, key: b, tickets: {rotateMinutes: 0}}", "tls.tickets.rotateMinutes: is `0`"),
        ("cors: {allowOrigins: [a.example]}", "cors.allowOrigins: holds `a.example`"),
        ("cors: {allowOrigins: ['https://a.example/']}", "cors.allowOrigins: holds `https://a.example/`"),
        (
            "cors: {allowOrigins: ['https://\(String(repeating: "a", count: 300))']}",
            "cors.allowOrigins: holds `https://aaa"
        ),
        ("cors: {allowOrigins: ['*', 'https://a.example']}", "`*` stands alone"),
        ("cors: {allowCredentials: true}", "cors.allowCredentials: is true; then `allowOrigins` has to name"),
        ("compression: {types: [Text/VTT]}", "compression.types: holds `Text/VTT`"),
        ("compression: {minimumBytes: 2MiB, maximumBytes: 1MiB}", "compression.maximumBytes: is `1MiB`"),
        ("limits: {ranges: 0}", "limits.ranges: is `0`"),
        ("purge: {rules: 1}", "purge.rules: is `1`"), ("purge: {folders: a}", "purge.folders: is not a known key"),
        ("admin: {tokenFile: a}", "admin.tokenFile: stands without `listen`"),
        ("admin: {listen: 127.0.0.1:9901, token: a}", "admin.token: is not a known key"),
        ("listen: [{endpoint: 8443}]", "listen[0].endpoint: is `8443`"),
    ]) func wrongValuesAreNamedWithWhatIsAllowed(line: String, expected: String) {
        let key = String(line.prefix { $0 != ":" })
        let rest = least.split(separator: "\n").filter { !$0.hasPrefix(key + ":") }.joined(separator: "\n")
        let found = problems(line + "\n" + rest)
        #expect(found.count == 1, "\(found)")
        #expect(found.first?.contains(expected) == true, "\(found)")
        #expect(found.first?.hasPrefix("edge.conf:1:") == true)
    }

    @Test func aSingleCertificateNeedsNoList() throws {
        let text = least.replacingOccurrences(
            of: "certificates: [{certificate: var/tls/edge.crt, key: var/tls/edge.key}]", with: "certificate: a, key: b"
        )
        let configuration = try EdgeConfiguration(Configuration(text: text, file: "x"))
        #expect(configuration.tls.certificates.map(\.certificateFile) == ["a"])
        #expect(configuration.tls.certificates.map(\.keyFile) == ["b"])
        #expect(configuration.tls.certificates.map(\.keyPlace.key) == ["tls.key"])
    }

    @Test func upstreamServersAreTextsOrMappings() throws {
        let text = least.replacingOccurrences(
            of: "upstream: {servers: [127.0.0.1:8500]}",
            with: """
                upstream:
                  servers: [127.0.0.1:8500, {endpoint: "[::1]:8500", name: b.example, weight: 3}]
                  fallback: [{endpoint: 127.0.0.1:8081}]
                  hostHeader: a.example:8080
                  loadFactor: 2
                  tls: {enabled: true, serverName: shield.example, caFile: ca.pem, verify: false}
                  health: {path: /up, expectStatus: 204}
                """)
        let upstream = try EdgeConfiguration(Configuration(text: text, file: "x")).upstream
        #expect(upstream.servers.map(\.endpoint.description) == ["127.0.0.1:8500", "[::1]:8500"])
        #expect(upstream.servers.map(\.name) == [nil, "b.example"])
        #expect(upstream.servers.map(\.weight) == [1, 3])
        #expect(upstream.fallback.map(\.endpoint.port) == [8081])
        #expect(upstream.hostHeader == .text("a.example:8080"))
        #expect(upstream.loadFactor == 2)
        #expect(upstream.tls.isEnabled && !upstream.tls.verifiesServer)
        #expect(upstream.tls.serverName == "shield.example" && upstream.tls.authoritiesFile == "ca.pem")
        #expect(upstream.health.check == HealthCheck(path: "/up", expectedStatus: 204))
    }

    @Test func aShieldFetchesNothingAheadUnlessItIsTold() throws {
        let shield = "role: shield\nlisten: [{endpoint: 127.0.0.1:8500}]\nupstream: {servers: [127.0.0.1:8081]}\n"
        #expect(try !EdgeConfiguration(Configuration(text: shield, file: "x")).prefetch.isEnabled)
        let told = try EdgeConfiguration(Configuration(text: shield + "prefetch: {enabled: true}", file: "x"))
        #expect(told.prefetch.isEnabled)
        #expect(problems(least + "\nprefetch: {segmentsAhead: 5, concurrent: 0}").count == 2)
    }

    @Test func changedSectionsAreNamed() throws {
        let old = try EdgeConfiguration(Configuration(text: least, file: "x"))
        #expect(old.changedSections(from: old) == [])
        let text = least.replacingOccurrences(of: "8500", with: "8501") + "\nlimits: {streams: 3}\nname: other\n"
        let new = try EdgeConfiguration(Configuration(text: text, file: "y"))
        #expect(new.changedSections(from: old) == ["name", "upstream", "limits"])
    }
}
