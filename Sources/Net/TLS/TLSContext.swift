// SPDX-License-Identifier: Apache-2.0
//
// The certificates and protocol settings of TLS listeners: one SSL_CTX for each group of certificates that answers for
// the same names. All workers share it: OpenSSL guards an SSL_CTX internally, and nothing here is changed after `init`.
// A reload makes a new one. Every session holds its context, because OpenSSL's callbacks find the names and the ticket
// keys through unretained pointers.

import Base
import COpenSSL
import Glibc

/// What the TLS side of listeners is made of.
public struct TLSSettings: Sendable {
    public enum Version: Int32, Sendable {
        case tls12 = 0x0303
        case tls13 = 0x0304
    }

    /// At least one; the first is the default.
    public var certificates: [TLSCertificate]
    public var minimumVersion = Version.tls12
    /// Whether a handshake without a host name, or with one that no certificate has, is refused instead of being given the
    /// default certificate.
    public var rejectsUnknownNames = false
    /// Nil: no session is resumed.
    public var ticketKeys: TicketKeys?
    /// How long a ticket is good for, at most seven days (RFC 8446 section 4.6.1).
    public var ticketLifetimeSeconds = 43_200

    public init(certificates: [TLSCertificate]) {
        self.certificates = certificates
    }
}

/// Server-side TLS: certificates by host name, ALPN `h2` and `http/1.1`, resumption by tickets.
///
/// `@unchecked Sendable`: see the head of the file.
public final class TLSContext: @unchecked Sendable {
    /// OpenSSL's application data.
    static let ticketKeysIndex: Int32 = 0

    private let contexts: [OpaquePointer]
    private let names: ServerNames
    private let rejectsUnknownNames: Bool
    private let ticketKeys: TicketKeys?

    /// What a session starts with, before the client has named a host.
    var context: OpaquePointer { contexts[ServerNames.defaultGroup] }

    /// Throws `TLSError` when OpenSSL refuses a certificate (a key that is too short) or is out of memory.
    public init(_ settings: TLSSettings) throws {
        names = ServerNames(settings.certificates.map { .init(names: $0.names, keyKind: $0.keyKind) })
        rejectsUnknownNames = settings.rejectsUnknownNames
        ticketKeys = settings.ticketKeys
        var made: [OpaquePointer] = []
        do {
            for group in names.groups {
                guard let context = SSL_CTX_new(TLS_server_method()) else {
                    throw TLSError(problem: TLSError.takeQueueText())
                }
                made.append(context)
                try Self.configure(context, settings, group.map { settings.certificates[$0] })
            }
        } catch {
            for context in made { SSL_CTX_free(context) }
            throw error
        }
        contexts = made
        spw_ssl_ctx_set_servername_callback(context, selectCertificate, Unmanaged.passUnretained(self).toOpaque())
    }

    deinit {
        for context in contexts { SSL_CTX_free(context) }
    }

    /// Files of certificates that no client is given, because earlier ones have all their names.
    public static func unusedFiles(_ certificates: [TLSCertificate]) -> [String] {
        ServerNames(certificates.map { .init(names: $0.names, keyKind: $0.keyKind) }).unused.map {
            certificates[$0].certificateFile
        }
    }

    private static func configure(
        _ context: OpaquePointer, _ settings: TLSSettings, _ certificates: [TLSCertificate]
    ) throws {
        _ = spw_ssl_ctx_set_min_version(context, settings.minimumVersion.rawValue)
        spw_ssl_ctx_set_server_options(context)
        _ = spw_ssl_ctx_set_mode(context, spw_ssl_mode_moving_buffer())
        // Forward-secret AEAD suites only (RFC 9113 section 9.2.2 forbids the rest for HTTP/2).
        _ = SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20")
        _ = SSL_CTX_set_ciphersuites(
            context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
        // X25519 is the cheapest that every client has.
        _ = spw_ssl_ctx_set_groups(context, "X25519:P-256:P-384")
        SSL_CTX_set_alpn_select_cb(context, selectProtocol, nil)
        SSL_CTX_set_keylog_callback(context, takeTrafficSecret)
        configureTickets(context, settings)
        for certificate in certificates {
            let result = SSL_CTX_use_cert_and_key(
                context, certificate.certificate, certificate.key, certificate.chain, 1)
            guard result == 1 else {
                throw TLSError(file: certificate.certificateFile, problem: TLSError.takeQueueText())
            }
        }
    }

    private static func configureTickets(_ context: OpaquePointer, _ settings: TLSSettings) {
        // Tickets, not a server-side cache, resume sessions: no memory per client.
        _ = spw_ssl_ctx_set_session_cache_off(context)
        // The same for all: a session that was begun under one name may go on under another, or after a reload.
        let identifier = Array("spillway".utf8)
        _ = SSL_CTX_set_session_id_context(context, identifier, UInt32(identifier.count))
        guard let keys = settings.ticketKeys else {
            spw_ssl_ctx_set_no_ticket(context)
            _ = SSL_CTX_set_num_tickets(context, 0)
            return
        }
        // One ticket for each handshake; OpenSSL's two cost a record and an encryption more.
        _ = SSL_CTX_set_num_tickets(context, 1)
        _ = SSL_CTX_set_timeout(context, settings.ticketLifetimeSeconds)
        _ = SSL_CTX_set_ex_data(context, ticketKeysIndex, Unmanaged.passUnretained(keys).toOpaque())
        spw_ssl_ctx_set_ticket_callback(context, chooseTicketKey)
    }

    /// Gives the session the certificates of the host that the client has named. Returns OpenSSL's answer.
    fileprivate func select(_ ssl: OpaquePointer, _ alert: UnsafeMutablePointer<Int32>?) -> Int32 {
        guard let host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), host.pointee != 0 else {
            return rejectsUnknownNames ? refuse(alert) : SSL_TLSEXT_ERR_NOACK
        }
        let count = strlen(host)
        let group = host.withMemoryRebound(to: UInt8.self, capacity: count) {
            names.group(for: UnsafeBufferPointer(start: $0, count: count))
        }
        guard let group else { return rejectsUnknownNames ? refuse(alert) : SSL_TLSEXT_ERR_NOACK }
        if group != ServerNames.defaultGroup, SSL_set_SSL_CTX(ssl, contexts[group]) == nil { return refuse(alert) }
        return SSL_TLSEXT_ERR_OK
    }

    private func refuse(_ alert: UnsafeMutablePointer<Int32>?) -> Int32 {
        alert?.pointee = SSL_AD_UNRECOGNIZED_NAME
        return SSL_TLSEXT_ERR_ALERT_FATAL
    }
}

/// Called when the client's hello has been read (RFC 6066 section 3).
private let selectCertificate:
    @convention(c) (OpaquePointer?, UnsafeMutablePointer<Int32>?, UnsafeMutableRawPointer?) -> Int32 = {
        ssl, alert, argument in
        guard let ssl, let argument else { return SSL_TLSEXT_ERR_NOACK }
        // The session that is at work holds the context.
        return Unmanaged<TLSContext>.fromOpaque(argument).takeUnretainedValue().select(ssl, alert)
    }

/// Chooses `h2` when the client offers it, else `http/1.1`, else refuses (RFC 7301 section 3.2).
private let selectProtocol:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt8>?,
        UnsafePointer<UInt8>?, UInt32, UnsafeMutableRawPointer?
    ) -> Int32 = { _, out, outLength, offered, offeredLength, _ in
        guard let out, let outLength, let offered else { return SSL_TLSEXT_ERR_NOACK }
        var http1: UnsafePointer<UInt8>?
        var position = 0
        while position < Int(offeredLength) {
            let length = Int(offered[position])
            let name = UnsafeRawBufferPointer(start: offered + position + 1, count: length)
            guard position + 1 + length <= Int(offeredLength) else { break }
            if name.elementsEqual("h2".utf8) {
                out.pointee = offered + position + 1
                outLength.pointee = 2
                return SSL_TLSEXT_ERR_OK
            }
            if name.elementsEqual("http/1.1".utf8) { http1 = offered + position + 1 }
            position += 1 + length
        }
        guard let http1 else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        out.pointee = http1
        outLength.pointee = 8
        return SSL_TLSEXT_ERR_OK
    }
