// SPDX-License-Identifier: Apache-2.0
//
// A TLS 1.3 client with blocking sockets, for counting handshakes. It belongs to one thread. The SSL_CTX and the
// remembered session are its own and die with it; each connection lives in one call.

import Base
import COpenSSL
import Glibc

/// Makes handshakes with a server on 127.0.0.1, one after the other.
final class TLSClient {
    enum Kind: String, Codable {
        /// Certificate and signature.
        case full
        /// With the ticket of an earlier connection, and a new key exchange (psk_dhe_ke, RFC 8446 section 2.2).
        case resumed
    }

    /// RFC 9113 section 3.4, with SETTINGS that change nothing.
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + [0, 0, 0, 4, 0, 0, 0, 0, 0]

    private let port: Int
    private let context: OpaquePointer
    private var session: OpaquePointer?

    /// Trusts the certificates of `certificateFile`. Throws when that can not be read.
    init(port: Int, certificateFile: String) throws {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw BenchError("OpenSSL gives no context") }
        self.port = port
        self.context = context
        _ = SSL_CTX_set_ciphersuites(context, H2Load.cipher)
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        guard SSL_CTX_load_verify_locations(context, certificateFile, nil) == 1 else {
            throw BenchError("\(certificateFile) can not be read")
        }
        let protocols: [UInt8] = [2] + Array("h2".utf8)
        SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
    }

    deinit {
        SSL_SESSION_free(session)
        SSL_CTX_free(context)
    }

    /// Connects, makes a handshake, sends the HTTP/2 preface, reads until the server's first HTTP/2 bytes (its SETTINGS,
    /// which come after its tickets), and closes. Throws when any of that fails, or the handshake was not of the kind asked for.
    func shakeHands(_ kind: Kind) throws {
        let descriptor = try LoopbackSocket.connect(port: port, timeoutSeconds: 10)
        defer { close(descriptor) }
        guard let connection = SSL_new(context) else { throw BenchError("OpenSSL gives no connection") }
        defer { SSL_free(connection) }
        SSL_set_fd(connection, descriptor)
        if kind == .resumed { SSL_set_session(connection, session) }
        guard SSL_connect(connection) == 1 else {
            throw BenchError("a \(kind.rawValue) handshake failed (SSL error \(SSL_get_error(connection, -1)))")
        }
        guard SSL_write(connection, Self.preface, Int32(Self.preface.count)) == Int32(Self.preface.count) else {
            throw BenchError("a connection ended after its handshake")
        }
        var byte: UInt8 = 0
        guard SSL_read(connection, &byte, 1) == 1 else { throw BenchError("no SETTINGS came after a handshake") }
        let wasResumed = SSL_session_reused(connection) == 1
        guard wasResumed == (kind == .resumed), SSL_version(connection) == TLS1_3_VERSION else {
            throw BenchError("a handshake was not \(kind.rawValue) TLS 1.3")
        }
        SSL_SESSION_free(session)
        session = SSL_get1_session(connection)
        SSL_shutdown(connection)
    }
}
