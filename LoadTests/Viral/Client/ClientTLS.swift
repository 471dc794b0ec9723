// SPDX-License-Identifier: Apache-2.0
//
// The TLS side of the crowd's connections: one SSL_CTX for all of them, and one SSL for each, over its socket. All of it
// belongs to the crowd's thread. The descriptor is the connection's and outlives its SSL.

import Base
import COpenSSL
import Glibc

/// What all connections of a crowd have in common: one authority, TLS 1.3, ALPN `h2`, no resumption.
final class ClientTLSContext {
    /// What OpenSSL reads from a socket at once, while there is something to read: two records.
    private static let readBufferBytes = 33_000

    fileprivate let context: OpaquePointer

    /// Trusts the certificates of `certificateFile`. Throws when that can not be read.
    init(certificateFile: String) throws {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw BenchError("OpenSSL gives no context") }
        self.context = context
        _ = SSL_CTX_set_ciphersuites(context, H2Load.cipher)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        _ = spw_ssl_ctx_set_session_cache_off(context)
        spw_ssl_ctx_set_read_ahead(context)
        SSL_CTX_set_default_read_buffer_len(context, Self.readBufferBytes)
        // Thousands of connections: a buffer is held only while it holds something.
        _ = spw_ssl_ctx_set_mode(context, spw_ssl_mode_partial_write() | Int(SSL_MODE_RELEASE_BUFFERS))
        let protocols: [UInt8] = [2] + Array("h2".utf8)
        SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
        guard SSL_CTX_load_verify_file(context, certificateFile) == 1 else {
            throw BenchError("\(certificateFile) can not be read")
        }
    }

    deinit {
        SSL_CTX_free(context)
    }
}

/// The client side of one connection.
final class ClientTLS {
    enum Result {
        case count(Int)
        /// The socket has to become readable or writable first.
        case wouldBlock
        /// The connection is at its end, in order or not.
        case ended
    }

    private let ssl: OpaquePointer
    private let context: ClientTLSContext

    /// Nil when OpenSSL is out of memory.
    init?(context: ClientTLSContext, descriptor: Int32) {
        guard let ssl = SSL_new(context.context) else { return nil }
        self.ssl = ssl
        self.context = context
        guard SSL_set_fd(ssl, descriptor) == 1 else { return nil }
        SSL_set_connect_state(ssl)
    }

    deinit {
        SSL_free(ssl)
        ERR_clear_error()
    }

    /// Goes on with the handshake; `.count` once it is done.
    func handshake() -> Result {
        ERR_clear_error()
        return judge(SSL_do_handshake(ssl))
    }

    /// Reads what one record holds, at most.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Result {
        ERR_clear_error()
        return judge(SSL_read(ssl, buffer.baseAddress, Int32(clamping: buffer.count)))
    }

    func write(_ bytes: UnsafeRawBufferPointer) -> Result {
        ERR_clear_error()
        return judge(SSL_write(ssl, bytes.baseAddress, Int32(clamping: bytes.count)))
    }

    private func judge(_ result: Int32) -> Result {
        guard result <= 0 else { return .count(Int(result)) }
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .wouldBlock
        default: return .ended
        }
    }
}
