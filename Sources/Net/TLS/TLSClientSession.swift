// SPDX-License-Identifier: Apache-2.0
//
// One TLS connection to an upstream server, over its socket. OpenSSL reads and writes the descriptor itself: upstream
// connections are few, and their bodies are copied once into the cache anyway. Belongs to its connection and thread;
// the descriptor is the connection's and outlives it.

import COpenSSL
import Glibc

/// The client side of one TLS connection.
final class TLSClientSession {
    enum HandshakeResult: Equatable {
        case done
        /// The socket has to become readable or writable first.
        case wouldBlock
        /// With the reason, for a log.
        case failed(String)
    }

    private let ssl: OpaquePointer
    /// What OpenSSL's callbacks use; it must outlive `ssl`.
    private let context: TLSClientContext

    /// `name` is the host name or numeric address that the server's certificate must have (RFC 9525); a host name is sent
    /// as SNI, too (RFC 6066 section 3). `resumed` is an earlier session with the same server. Nil when OpenSSL is out of
    /// memory.
    init?(context: TLSClientContext, descriptor: Int32, name: String, resuming resumed: TLSResumption) {
        guard let ssl = SSL_new(context.context) else { return nil }
        self.ssl = ssl
        self.context = context
        guard SSL_set_fd(ssl, descriptor) == 1, expect(name) else { return nil }
        SSL_set_connect_state(ssl)
        if let session = resumed.session { _ = SSL_set_session(ssl, session) }
    }

    deinit {
        SSL_free(ssl)
        ERR_clear_error()
    }

    private func expect(_ name: String) -> Bool {
        let parameters = SSL_get0_param(ssl)
        var address = in6_addr()
        if inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1 {
            return X509_VERIFY_PARAM_set1_ip_asc(parameters, name) == 1
        }
        // A wildcard stands for a whole label (RFC 9525 section 6.3).
        X509_VERIFY_PARAM_set_hostflags(parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS))
        return X509_VERIFY_PARAM_set1_host(parameters, name, 0) == 1 && spw_ssl_set_tlsext_host_name(ssl, name) == 1
    }

    func handshake() -> HandshakeResult {
        ERR_clear_error()
        let result = SSL_do_handshake(ssl)
        guard result != 1 else { return .done }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        default: return .failed(takeReason())
        }
    }

    /// The certificate's own fault before the alert that it led to.
    private func takeReason() -> String {
        let verdict = SSL_get_verify_result(ssl)
        guard verdict == X509_V_OK || !context.verifiesServer else {
            ERR_clear_error()
            return String(cString: X509_verify_cert_error_string(verdict))
        }
        let hasText = ERR_peek_error() != 0
        let text = TLSError.takeQueueText()
        return hasText ? text : "the connection ended in the handshake"
    }

    /// True when the server has gone on with an earlier session.
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// Reads into `buffer` until it is full or nothing more is there. Returns the bytes read, 0 at the orderly end, or a
    /// negative errno: -EAGAIN when nothing is there, -ECONNRESET for an end that the server has not announced, which
    /// anybody may have brought about (RFC 8446 section 6.1).
    func read(into buffer: UnsafeMutableRawPointer, count: Int) -> Int {
        ERR_clear_error()
        var total = 0
        while total < count {
            let result = SSL_read(ssl, buffer + total, Int32(count - total))
            if result > 0 {
                total += Int(result)
                continue
            }
            let error = SSL_get_error(ssl, result)
            ERR_clear_error()
            // What has been read is delivered; the end is found again at the next call.
            if total > 0 { return total }
            switch error {
            case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return -Int(EAGAIN)
            case SSL_ERROR_ZERO_RETURN: return 0
            default: return -Int(ECONNRESET)
            }
        }
        return total
    }

    /// Writes some of `bytes`. Returns the bytes taken, or a negative errno as `read`.
    func write(_ bytes: UnsafeRawPointer, count: Int) -> Int {
        ERR_clear_error()
        let result = SSL_write(ssl, bytes, Int32(min(count, Int(Int32.max))))
        guard result <= 0 else { return Int(result) }
        let error = SSL_get_error(ssl, result)
        ERR_clear_error()
        switch error {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return -Int(EAGAIN)
        default: return -Int(EPIPE)
        }
    }

    /// Sends close_notify, once; it is a courtesy that must not keep the connection.
    func shutdown() {
        ERR_clear_error()
        if SSL_is_init_finished(ssl) == 1 { _ = SSL_shutdown(ssl) }
        ERR_clear_error()
    }

    /// Keeps the session for the next connection to the same server. Tickets have come by the end of a first response.
    func remember(in resumption: TLSResumption) {
        guard let session = SSL_get1_session(ssl) else { return }
        guard SSL_SESSION_is_resumable(session) == 1 else { return SSL_SESSION_free(session) }
        resumption.replace(with: session)
    }
}

/// The latest session with one server, which spares the next connection a signature and a key exchange (RFC 8446
/// section 2.2). Belongs to its pool and thread; owns a reference of the session.
final class TLSResumption {
    private(set) var session: OpaquePointer?

    deinit {
        SSL_SESSION_free(session)
    }

    fileprivate func replace(with other: OpaquePointer) {
        SSL_SESSION_free(session)
        session = other
    }
}
