// SPDX-License-Identifier: Apache-2.0

import Base
import Net
import Token

/// What the files hold that a configuration names: certificates, ticket keys, token keys. Read together, at start, at a
/// reload and for `--check`, so that a mistake in any of them leaves everything as it was.
struct EdgeFiles {
    /// So long before its end a certificate is warned of.
    private static let warnSeconds: Int64 = 7 * 86_400

    let tokenKeys: TokenKeySet?
    /// What the administration's purges are opened with; nil when there are none.
    let adminTokens: BearerTokens?
    let certificates: [TLSCertificate]
    /// The keys of `tls.tickets.keysFile`; nil when there is none.
    let ticketKeys: TicketKeys?
    let upstreams: UpstreamList
    /// What the servers of each upstream are shown that ask for it.
    private let upstreamCertificates: [TLSCertificate?]
    /// Of each site; nil where it needs no token.
    let siteTokenKeys: [TokenKeySet?]

    /// Throws a `ConfigurationError` with the place of each key that names a bad file.
    init(_ configuration: EdgeConfiguration) throws {
        var problems: [ConfigurationProblem] = []
        func collect<Value>(_ body: () throws -> Value?) throws -> Value? {
            do {
                return try body()
            } catch let error as ConfigurationError {
                problems += error.problems
                return nil
            }
        }
        var loaded: [TLSCertificate] = []
        if configuration.listen.contains(where: \.usesTLS) {
            for entry in configuration.tls.certificates {
                if let certificate = try collect({ try Self.readCertificate(entry) }) { loaded.append(certificate) }
            }
        }
        certificates = loaded
        upstreams = UpstreamList(configuration)
        upstreamCertificates = try upstreams.settings.map { upstream in
            try collect { try upstream.tls.certificate.map(Self.readCertificate) }
        }
        ticketKeys = try collect { try Self.readTicketKeys(configuration.tls) }
        let keys = try collect { try Self.readTokenKeys(configuration) }
        tokenKeys = keys
        siteTokenKeys = try configuration.sites.map { site in
            // The top level's keys, or a mistake that is named already.
            let isInherited =
                site.rules.tokenRequired && configuration.tokenRequired
                && site.rules.tokenKeysFile == configuration.tokenKeysFile
            return isInherited ? keys : try collect { try Self.readTokenKeys(site.rules) }
        }
        adminTokens = try collect { try Self.readAdminTokens(configuration) }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
    }

    private static func readTokenKeys(_ configuration: EdgeConfiguration) throws -> TokenKeySet? {
        guard configuration.tokenRequired else { return nil }
        do {
            return try TokenKeySet(file: configuration.tokenKeysFile)
        } catch let error as SystemError {
            throw configuration.tokenKeysPlace?.error("\(error)") ?? error
        }
    }

    private static func readAdminTokens(_ configuration: EdgeConfiguration) throws -> BearerTokens? {
        guard let file = configuration.adminTokenFile else { return nil }
        do {
            return try BearerTokens(file: file)
        } catch let error as SystemError {
            throw configuration.adminTokenPlace?.error("\(error)") ?? error
        }
    }

    private static func readTicketKeys(_ tls: EdgeConfiguration.TLS) throws -> TicketKeys? {
        guard tls.usesTickets, let file = tls.ticketKeysFile else { return nil }
        do {
            return try TicketKeys(file: file)
        } catch let error as SystemError {
            throw tls.ticketKeysPlace?.error("\(error)") ?? error
        }
    }

    private static func readCertificate(_ entry: EdgeConfiguration.TLS.Certificate) throws -> TLSCertificate {
        do {
            return try TLSCertificate(certificateFile: entry.certificateFile, keyFile: entry.keyFile)
        } catch let error as TLSError {
            throw (error.file == entry.keyFile ? entry.keyPlace : entry.certificatePlace).error("\(error)")
        }
    }

    /// The context of the TLS listeners; nil when there is none. Throws a `ConfigurationError` when OpenSSL refuses a
    /// certificate.
    func makeContext(_ tls: EdgeConfiguration.TLS, ticketKeys: TicketKeys?) throws -> TLSContext? {
        guard !certificates.isEmpty else { return nil }
        var settings = TLSSettings(certificates: certificates)
        settings.minimumVersion = tls.minimumVersion
        settings.rejectsUnknownNames = tls.rejectsUnknownNames
        settings.ticketKeys = tls.usesTickets ? ticketKeys : nil
        settings.ticketLifetimeSeconds = tls.ticketRotateMinutes * 60
        do {
            return try TLSContext(settings)
        } catch let error as TLSError {
            let entry = tls.certificates.first { $0.certificateFile == error.file }
            throw entry?.certificatePlace.error("\(error)") ?? error
        }
    }

    /// The upstreams, each with a context for its connections unless these are plain. Throws a `ConfigurationError` when a
    /// file is not what it should be.
    func makeUpstreams() throws -> UpstreamList {
        var made = upstreams
        for index in made.entries.indices {
            made.entries[index].settings.tlsContext = try makeUpstreamContext(
                made.entries[index].settings.tls, upstreamCertificates[index])
        }
        return made
    }

    private func makeUpstreamContext(
        _ tls: UpstreamSettings.TLS, _ certificate: TLSCertificate?
    ) throws -> TLSClientContext? {
        guard tls.isEnabled else { return nil }
        var settings = TLSClientSettings()
        settings.authoritiesFile = tls.authoritiesFile
        settings.verifiesServer = tls.verifiesServer
        settings.certificate = certificate
        do {
            return try TLSClientContext(settings)
        } catch let error as TLSError {
            let place = error.file == tls.authoritiesFile ? tls.authoritiesPlace : tls.certificate?.certificatePlace
            throw place?.error("\(error)") ?? error
        }
    }

    /// Writes to the log what is odd about the certificates but no mistake.
    func logOddities() {
        let now = Clock.wallSeconds()
        for certificate in certificates {
            if !certificate.isValid(nowSeconds: now) {
                Log.warning("A certificate is out of date", ["file": certificate.certificateFile])
            } else if !certificate.isValid(nowSeconds: now + Self.warnSeconds) {
                Log.warning("A certificate ends within a week", ["file": certificate.certificateFile])
            }
        }
        for certificate in certificates.dropFirst() where certificate.names.isEmpty {
            Log.warning("A certificate has no names and is never used", ["file": certificate.certificateFile])
        }
        for file in certificates.isEmpty ? [] : TLSContext.unusedFiles(certificates) {
            Log.warning("A certificate is never used: earlier ones have its names", ["file": file])
        }
    }
}
