// SPDX-License-Identifier: Apache-2.0
//
// The certificate, key and protocol settings of a TLS listener. One SSL_CTX is shared by all workers:
// OpenSSL guards it internally and it is only read after start. It dies with the last TLSContext reference.

import Base
import CLinux
import COpenSSL

/// Has OpenSSL take its small blocks from free lists, so that a record costs no allocation. Call it once, before
/// anything else uses OpenSSL; afterwards it does nothing and returns false.
@discardableResult
public func useBlockPoolInOpenSSL() -> Bool {
    CRYPTO_set_mem_functions(
        { size, _, _ in spw_record_take(size) }, { block, size, _, _ in spw_block_resize(block, size) },
        { block, _, _ in spw_block_give(block) }) == 1
}

/// Why a certificate or key could not be used.
public struct TLSError: Error, Sendable, CustomStringConvertible {
    public var description: String
}

/// Server-side TLS settings: TLS 1.2 and 1.3, ALPN `h2` and `http/1.1`.
///
/// `@unchecked Sendable` because SSL_CTX is reference-counted and thread-safe for `SSL_new` (OpenSSL
/// "ssl" manual, thread safety), and nothing here changes it after `init`.
public final class TLSContext: @unchecked Sendable {
    let context: OpaquePointer

    /// Loads a certificate chain and its private key, both PEM. Throws `TLSError` that names the file.
    public init(certificateFile: String, keyFile: String) throws {
        guard let context = SSL_CTX_new(TLS_server_method()) else {
            throw TLSError(description: "TLS: \(Self.takeErrorText())")
        }
        self.context = context
        _ = spw_ssl_ctx_set_min_tls12(context)
        spw_ssl_ctx_set_server_options(context)
        _ = spw_ssl_ctx_set_mode(context, spw_ssl_mode_moving_buffer())
        // Forward-secret AEAD suites only (RFC 9113 section 9.2.2 forbids the rest for HTTP/2).
        _ = SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20")
        _ = SSL_CTX_set_ciphersuites(
            context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256")
        // Tickets, not a server-side cache, resume sessions: no memory per client.
        _ = spw_ssl_ctx_set_session_cache_off(context)
        SSL_CTX_set_alpn_select_cb(context, selectProtocol, nil)
        guard SSL_CTX_use_certificate_chain_file(context, certificateFile) == 1 else {
            throw TLSError(description: "\(certificateFile): \(Self.takeErrorText())")
        }
        guard SSL_CTX_use_PrivateKey_file(context, keyFile, SSL_FILETYPE_PEM) == 1 else {
            throw TLSError(description: "\(keyFile): \(Self.takeErrorText())")
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw TLSError(description: "\(keyFile) is not the key of \(certificateFile)")
        }
    }

    deinit {
        SSL_CTX_free(context)
    }

    /// Empties this thread's OpenSSL error queue into one line.
    static func takeErrorText() -> String {
        var text = ""
        while true {
            let code = ERR_get_error()
            guard code != 0 else { break }
            var buffer = [CChar](repeating: 0, count: 256)
            ERR_error_string_n(code, &buffer, buffer.count)
            let line = String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
            text += text.isEmpty ? line : "; " + line
        }
        return text.isEmpty ? "unknown error" : text
    }
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
