// SPDX-License-Identifier: Apache-2.0

import Base
import Net

/// Whom this node asks for what it does not have, and how; what `upstream:` says.
struct UpstreamSettings: Sendable {
    static let serversMax = 64

    /// What `Host` says upstream.
    enum HostHeader: Sendable, Equatable {
        /// The server's name, or its address.
        case server
        /// What the client has asked for.
        case client
        case text(String)
    }

    /// What `upstream.tls:` says. The files that it names are read by `EdgeFiles`.
    struct TLS: Sendable {
        var isEnabled = false
        /// The name in the certificate of a server that has no name of its own.
        var serverName: String?
        var authoritiesFile: String?
        var authoritiesPlace: ConfigurationPlace?
        var verifiesServer = true
        var certificate: EdgeConfiguration.TLS.Certificate?
    }

    var servers: [UpstreamServer] = []
    /// Asked only while every one of `servers` is down.
    var fallback: [UpstreamServer] = []
    var limits = UpstreamLimits()
    /// How much more than its share of the fetches under way a server may have before the next one gets the key; 0: any.
    var loadFactor = 1.25
    var hostHeader = HostHeader.server
    var health = HealthSettings()
    var tls = TLS()
    /// Made of `tls` and its files; nil for plain connections.
    var tlsContext: TLSClientContext?

    /// Equal where the settings are; what has been read from files is left out.
    var text: String { "\(route) \(hostHeader)" }

    /// The same without what only the requests themselves say.
    var route: String {
        let certificate = tls.certificate.map { "\($0.certificateFile) \($0.keyFile)" } ?? ""
        let files = "\(tls.authoritiesFile ?? "") \(certificate)"
        return "\(servers) \(fallback) \(limits) \(loadFactor) \(health) \(tls.isEnabled)"
            + " \(tls.serverName ?? "") \(tls.verifiesServer) \(files)"
    }

    /// The connections that one worker may have to all servers together.
    var connectionsMax: Int { limits.connectionsMax * (servers.count + fallback.count) }

    /// The host of a request for `UpstreamRequest`: nil for the server's own. `client` is what the client has asked for,
    /// empty when it has named none.
    func host(client: UnsafeRawBufferPointer) -> [UInt8]? {
        switch hostHeader {
        case .server: nil
        case .client: client.isEmpty ? nil : Array(client)
        case .text(let text): Array(text.utf8)
        }
    }
}
