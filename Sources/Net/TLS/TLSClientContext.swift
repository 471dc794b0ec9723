// SPDX-License-Identifier: Apache-2.0
//
// How connections to upstream servers are encrypted and what their certificates are checked against: one SSL_CTX for a
// configuration. All workers share it: OpenSSL guards an SSL_CTX internally, and nothing here is changed after `init`.
// A reload makes a new one. Every session holds its context.

import COpenSSL

/// What the TLS side of upstream connections is made of.
public struct TLSClientSettings: Sendable {
    /// A PEM file of the authorities that may sign a server's certificate; nil: the system's own store.
    public var authoritiesFile: String?
    /// False takes any certificate, and with it anybody who stands in between.
    public var verifiesServer = true
    /// What we show to a server that asks for it (RFC 8446 section 4.3.2).
    public var certificate: TLSCertificate?

    public init() {}
}

/// Client-side TLS 1.2 and 1.3: authorities, the certificate of our own, ALPN `http/1.1`.
///
/// `@unchecked Sendable`: see the head of the file.
public final class TLSClientContext: @unchecked Sendable {
    /// What OpenSSL reads from the socket at once: several records.
    private static let readBufferBytes = 65_536

    let context: OpaquePointer
    let verifiesServer: Bool

    /// Throws `TLSError` when a file is unreadable, holds no certificate or is refused by OpenSSL.
    public init(_ settings: TLSClientSettings) throws {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw TLSError(problem: TLSError.takeQueueText())
        }
        self.context = context
        verifiesServer = settings.verifiesServer
        // From here on deinit frees it, also when this throws.
        _ = spw_ssl_ctx_set_min_version(context, TLSSettings.Version.tls12.rawValue)
        spw_ssl_ctx_set_client_options(context)
        _ = spw_ssl_ctx_set_mode(context, spw_ssl_mode_partial_write())
        _ = SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20")
        _ = SSL_CTX_set_ciphersuites(
            context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
        spw_ssl_ctx_set_read_ahead(context)
        SSL_CTX_set_default_read_buffer_len(context, Self.readBufferBytes)
        let protocols = Array("\u{8}http/1.1".utf8)
        _ = SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
        SSL_CTX_set_verify(context, settings.verifiesServer ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        try loadAuthorities(settings)
        if let certificate = settings.certificate { try use(certificate) }
    }

    deinit {
        SSL_CTX_free(context)
    }

    private func loadAuthorities(_ settings: TLSClientSettings) throws {
        guard settings.verifiesServer else { return }
        if let file = settings.authoritiesFile {
            guard SSL_CTX_load_verify_file(context, file) == 1 else {
                throw TLSError(file: file, problem: "holds no PEM certificates: \(TLSError.takeQueueText())")
            }
        } else if SSL_CTX_set_default_verify_paths(context) != 1 {
            throw TLSError(problem: TLSError.takeQueueText())
        }
        ERR_clear_error()
    }

    private func use(_ certificate: TLSCertificate) throws {
        let result = SSL_CTX_use_cert_and_key(context, certificate.certificate, certificate.key, certificate.chain, 1)
        guard result == 1 else {
            throw TLSError(file: certificate.certificateFile, problem: TLSError.takeQueueText())
        }
    }
}
