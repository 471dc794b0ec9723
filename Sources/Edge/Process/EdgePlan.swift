// SPDX-License-Identifier: Apache-2.0

import Base
import Net

/// What a configuration comes to, with every file read and every check made, before anything of it is put in force.
/// Made at start and at each reload.
struct EdgePlan: Sendable {
    let configuration: EdgeConfiguration
    let settings: EdgeSettings
    let limits: ServerLimits
    let listeners: [ListenerSettings]
    /// Keys that were read from a file, to be put in the place of those in force; nil when there is no file.
    let ticketKeysOfFile: TicketKeys?
    let logFile: LogFile?
    let adminTokens: BearerTokens?
    let certificates: [TLSCertificate]

    /// `ticketKeys` are the process's own, which outlive every plan, as the counters of sites in `previous` do. Throws a
    /// `ConfigurationError` that names all that is wrong.
    init(_ configuration: EdgeConfiguration, ticketKeys: TicketKeys, after previous: EdgePlan? = nil) throws {
        let files = try EdgeFiles(configuration)
        let tls = try files.makeContext(configuration.tls, ticketKeys: ticketKeys)
        self.configuration = configuration
        settings = EdgeSettings(
            configuration, files, upstreams: try files.makeUpstreams(),
            counters: previous?.settings.sites.map(\.requests) ?? [])
        limits = DescriptorBudget.fit(configuration, upstreamConnections: files.upstreams.connectionsMax)
        listeners = configuration.listen.map { ListenerSettings(endpoint: $0.endpoint, tls: $0.usesTLS ? tls : nil) }
        ticketKeysOfFile = files.ticketKeys
        certificates = files.certificates
        adminTokens = files.adminTokens
        logFile = try Self.openLog(configuration)
        files.logOddities()
    }

    private static func openLog(_ configuration: EdgeConfiguration) throws -> LogFile? {
        guard let path = configuration.accessLogFile else { return nil }
        do {
            return try LogFile(path: path)
        } catch let error as SystemError {
            throw configuration.accessLogPlace?.error("\(error)") ?? error
        }
    }

    /// Opens the sockets of those endpoints that are not in `present`, `count` of each: one for each worker. Throws a
    /// `ConfigurationError` with the place of an endpoint that can not be had, and leaves nothing open then.
    func openSockets(notIn present: [Endpoint], count: Int) throws -> [[ListeningSocket]] {
        var sockets = [[ListeningSocket]](repeating: [], count: count)
        for listen in configuration.listen where !present.contains(listen.endpoint) {
            for index in sockets.indices {
                do {
                    sockets[index].append(try ListeningSocket(listen.endpoint))
                } catch let error as SocketError {
                    for socket in sockets.joined() { socket.close() }
                    throw listen.place.error("\(error)")
                }
            }
        }
        return sockets
    }
}
