// SPDX-License-Identifier: Apache-2.0
//
// The sending half of TLS 1.3's record protection (RFC 8446 section 5.2), done here instead of in SSL_write: what is to
// be sent is encrypted from where it lies straight into the connection's output buffer, where OpenSSL would copy it into
// a buffer of its own, encrypt it there and copy it out again. This is what kernels do for kTLS, and it takes over at the
// same point: OpenSSL has done the whole handshake, tickets included, and goes on decrypting; it sends nothing any more.
// Keys come from the traffic secret that OpenSSL hands out (SSL_CTX_set_keylog_callback), the ciphers are OpenSSL's.
//
// Belongs to one TLSSession. The secrets are wiped when it dies.

import COpenSSL

/// Seals the records of one connection. See the head of the file.
final class RecordProtection {
    /// Header, content type and authentication tag.
    static let overheadBytes = headerBytes + 1 + tagBytes
    /// RFC 8446 section 5.5: AES-GCM is safe for 2^24.5 records under one key; we change it earlier.
    private static let recordsPerKeyMax: UInt64 = 1 << 24

    private static let headerBytes = 5
    private static let tagBytes = 16
    private static let nonceBytes = 12

    enum ContentType: UInt8 {
        case alert = 21
        case handshake = 22
        case applicationData = 23
    }

    private let suite: CipherSuite
    private let context: OpaquePointer
    /// The secret, then the IV, then the nonce of the present record.
    private let memory: UnsafeMutablePointer<UInt8>
    private var secret: UnsafeMutablePointer<UInt8> { memory }
    private var initialVector: UnsafeMutablePointer<UInt8> { memory + 64 }
    private var nonce: UnsafeMutablePointer<UInt8> { memory + 80 }
    private static let memoryBytes = 96
    private var sequence: UInt64

    /// `secret` is the server's application traffic secret, under which `recordsSent` records have gone out already.
    /// Nil when the suite is none of ours or OpenSSL refuses.
    init?(suite: CipherSuite, secret: [UInt8], recordsSent: UInt64) {
        guard secret.count == suite.secretBytes, let context = EVP_CIPHER_CTX_new() else { return nil }
        self.suite = suite
        self.context = context
        memory = .allocate(capacity: Self.memoryBytes)
        memory.initialize(repeating: 0, count: Self.memoryBytes)
        memory.update(from: secret, count: secret.count)
        sequence = recordsSent
        guard EVP_EncryptInit_ex(context, suite.cipher, nil, nil, nil) == 1, useSecret() else { return nil }
    }

    deinit {
        EVP_CIPHER_CTX_free(context)
        OPENSSL_cleanse(memory, Self.memoryBytes)
        memory.deallocate()
    }

    /// True when it is time for `changeKey`.
    var needsNewKey: Bool { sequence >= Self.recordsPerKeyMax }

    /// Writes one record of two pieces of content, the first of which may be empty, and returns its length; 0 when OpenSSL
    /// fails, which ends the connection. Together they are at most 16,384 bytes, and `record` has room for
    /// `overheadBytes` more.
    @inline(__always)
    func seal(
        _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer, type: ContentType = .applicationData,
        into record: UnsafeMutableRawPointer
    ) -> Int {
        let count = first.count + second.count
        let sealed = count + 1 + Self.tagBytes
        let bytes = record.assumingMemoryBound(to: UInt8.self)
        // RFC 8446 section 5.2: every protected record looks like application data of TLS 1.2.
        bytes[0] = ContentType.applicationData.rawValue
        bytes[1] = 3
        bytes[2] = 3
        bytes[3] = UInt8(truncatingIfNeeded: sealed >> 8)
        bytes[4] = UInt8(truncatingIfNeeded: sealed)
        setNonce()
        sequence += 1
        var innerType = type.rawValue
        var written: Int32 = 0
        let body = bytes + Self.headerBytes
        guard EVP_EncryptInit_ex(context, nil, nil, nil, nonce) == 1,
            EVP_EncryptUpdate(context, nil, &written, bytes, Int32(Self.headerBytes)) == 1,
            update(first, into: body), update(second, into: body + first.count),
            EVP_EncryptUpdate(context, body + count, &written, &innerType, 1) == 1,
            EVP_EncryptFinal_ex(context, body + count + 1, &written) == 1,
            EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagBytes), body + count + 1) == 1
        else {
            ERR_clear_error()
            return 0
        }
        return Self.headerBytes + sealed
    }

    /// Goes on to the next key (RFC 8446 section 7.2); the record before it must be the KeyUpdate message, sealed with the
    /// old one. False when OpenSSL fails.
    func changeKey() -> Bool {
        guard expand("traffic upd", into: secret, count: suite.secretBytes), useSecret() else { return false }
        sequence = 0
        return true
    }

    @inline(__always)
    private func update(_ piece: UnsafeRawBufferPointer, into place: UnsafeMutablePointer<UInt8>) -> Bool {
        guard let base = piece.baseAddress, piece.count > 0 else { return true }
        var written: Int32 = 0
        return EVP_EncryptUpdate(
            context, place, &written, base.assumingMemoryBound(to: UInt8.self), Int32(piece.count)) == 1
    }

    /// RFC 8446 section 5.3: the sequence number, exclusive-or'ed into the end of the IV.
    @inline(__always)
    private func setNonce() {
        for index in 0..<4 { nonce[index] = initialVector[index] }
        for index in 0..<8 {
            nonce[4 + index] = initialVector[4 + index] ^ UInt8(truncatingIfNeeded: sequence >> UInt64(56 - 8 * index))
        }
    }

    /// Derives key and IV (RFC 8446 section 7.3).
    private func useSecret() -> Bool {
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { key in
            defer { OPENSSL_cleanse(key.baseAddress, key.count) }
            guard let start = key.baseAddress, expand("key", into: start, count: suite.keyBytes),
                expand("iv", into: initialVector, count: Self.nonceBytes)
            else { return false }
            return EVP_EncryptInit_ex(context, nil, nil, start, nil) == 1
        }
    }

    /// HKDF-Expand-Label of the secret with an empty context (RFC 8446 section 7.1): one block of HMAC is enough for all
    /// that is derived here.
    private func expand(_ label: String, into out: UnsafeMutablePointer<UInt8>, count: Int) -> Bool {
        let label = Array(("tls13 " + label).utf8)
        let info = [0, UInt8(count), UInt8(label.count)] + label + [0, 1]
        var block = [UInt8](repeating: 0, count: 64)
        var length: UInt32 = 0
        defer { OPENSSL_cleanse(&block, block.count) }
        guard HMAC(suite.digest, secret, Int32(suite.secretBytes), info, info.count, &block, &length) != nil,
            Int(length) >= count
        else {
            ERR_clear_error()
            return false
        }
        out.update(from: block, count: count)
        return true
    }
}

/// The cipher suites of TLS 1.3 that we know how to use (RFC 8446 appendix B.4).
enum CipherSuite: UInt16 {
    case aes128GCM = 0x1301
    case aes256GCM = 0x1302
    case chacha20Poly1305 = 0x1303

    var cipher: OpaquePointer? {
        switch self {
        case .aes128GCM: EVP_aes_128_gcm()
        case .aes256GCM: EVP_aes_256_gcm()
        case .chacha20Poly1305: EVP_chacha20_poly1305()
        }
    }

    var digest: OpaquePointer? { self == .aes256GCM ? EVP_sha384() : EVP_sha256() }
    var keyBytes: Int { self == .aes128GCM ? 16 : 32 }
    var secretBytes: Int { self == .aes256GCM ? 48 : 32 }
}
