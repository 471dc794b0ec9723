// SPDX-License-Identifier: Apache-2.0
//
// A certificate chain and its private key, read from PEM files and checked. The OpenSSL objects belong to this one
// and are freed with it; a TLSContext that was made of them holds references of its own.

import Base
import COpenSSL
import Glibc

/// One certificate with its chain and its key.
///
/// `@unchecked Sendable` because nothing is changed after `init`, and OpenSSL counts references atomically.
public final class TLSCertificate: @unchecked Sendable {
    private static let chainMax = 10

    public let certificateFile: String
    /// The host names and addresses of subjectAltName in lower case (RFC 5280 section 4.2.1.6); a name may start with `*.`.
    public let names: [String]
    /// OpenSSL's number of the key's algorithm (`EVP_PKEY_EC`, `EVP_PKEY_RSA`, ...).
    public let keyKind: Int32
    /// The last second of its validity, in seconds since 1970.
    public let expirySeconds: Int64
    private let startSeconds: Int64
    let certificate: OpaquePointer
    let key: OpaquePointer
    let chain: OpaquePointer

    /// Reads a PEM file with the certificate first and its chain after it, and the PEM file of its key. Throws `TLSError`
    /// that names the file when one is unreadable, is not PEM, needs a passphrase, or when the two do not belong together.
    public init(certificateFile: String, keyFile: String) throws {
        self.certificateFile = certificateFile
        var certificates = try Self.readCertificates(certificateFile)
        let key: OpaquePointer
        do {
            key = try Self.readKey(keyFile)
        } catch {
            for certificate in certificates { X509_free(certificate) }
            throw error
        }
        let certificate = certificates.removeFirst()
        chain = spw_chain_new()
        for link in certificates { _ = spw_chain_push(chain, link) }
        self.certificate = certificate
        self.key = key
        names = Self.names(of: certificate)
        keyKind = EVP_PKEY_get_base_id(key)
        startSeconds = Self.seconds(X509_get0_notBefore(certificate))
        expirySeconds = Self.seconds(X509_get0_notAfter(certificate))
        guard X509_check_private_key(certificate, key) == 1 else {
            ERR_clear_error()
            throw TLSError(file: keyFile, problem: "is not the key of \(certificateFile)")
        }
    }

    deinit {
        X509_free(certificate)
        EVP_PKEY_free(key)
        spw_chain_free(chain)
    }

    /// True when clients accept it at `nowSeconds` since 1970, as far as its time is concerned.
    public func isValid(nowSeconds: Int64) -> Bool { nowSeconds >= startSeconds && nowSeconds <= expirySeconds }

    /// Seconds since 1970 (RFC 5280 section 4.1.2.5: always UTC).
    private static func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64 {
        var parts = tm()
        guard ASN1_TIME_to_tm(time, &parts) == 1 else { return 0 }
        return Int64(timegm(&parts))
    }

    private static func readCertificates(_ file: String) throws -> [OpaquePointer] {
        var certificates: [OpaquePointer] = []
        try withPEM(file) { bio in
            while certificates.count <= chainMax, let next = PEM_read_bio_X509(bio, nil, refusePassphrase, nil) {
                certificates.append(next)
            }
        }
        let last = ERR_peek_last_error()
        guard !certificates.isEmpty, certificates.count <= chainMax, spw_err_is_pem_end(last) != 0 else {
            let isCount = certificates.count > chainMax
            let isNone = certificates.isEmpty && spw_err_is_pem_end(last) != 0
            for certificate in certificates { X509_free(certificate) }
            let reason = TLSError.takeQueueText()
            throw TLSError(
                file: file,
                problem: isCount
                    ? "holds more than \(chainMax) certificates"
                    : isNone ? "holds no PEM certificate" : "is not a PEM certificate: \(reason)")
        }
        ERR_clear_error()
        return certificates
    }

    private static func readKey(_ file: String) throws -> OpaquePointer {
        var key: OpaquePointer?
        try withPEM(file) { key = PEM_read_bio_PrivateKey($0, nil, refusePassphrase, nil) }
        let reason = key == nil ? TLSError.takeQueueText() : ""
        ERR_clear_error()
        guard let key else {
            throw TLSError(file: file, problem: "is not a PEM private key without a passphrase: \(reason)")
        }
        return key
    }

    /// Calls `body` with the file's bytes as an OpenSSL source.
    private static func withPEM(_ file: String, _ body: (OpaquePointer?) -> Void) throws {
        var bytes: [UInt8]
        do {
            bytes = try readFile(file)
        } catch let error as SystemError {
            throw TLSError(file: file, problem: "can not be read: \(String(cString: strerror(error.code)))")
        }
        ERR_clear_error()
        bytes.withUnsafeBytes { view in
            let bio = BIO_new_mem_buf(view.baseAddress, Int32(view.count))
            body(bio)
            BIO_free(bio)
        }
        // A key's text does not stay in memory.
        bytes.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) }
    }

    private static func names(of certificate: OpaquePointer) -> [String] {
        guard let list = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil) else { return [] }
        let names = OpaquePointer(list)
        defer { GENERAL_NAMES_free(names) }
        return (0..<spw_names_count(names)).compactMap { index in
            var kind: Int32 = 0
            guard let value = GENERAL_NAME_get0_value(spw_names_at(names, index), &kind) else { return nil }
            let text = value.assumingMemoryBound(to: ASN1_STRING.self)
            let bytes = UnsafeBufferPointer(start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
            switch kind {
            case GEN_DNS: return String(decoding: bytes, as: UTF8.self).lowercased()
            case GEN_IPADD: return address(bytes)
            default: return nil
            }
        }
    }

    /// The text of the four or sixteen bytes of an address.
    private static func address(_ bytes: UnsafeBufferPointer<UInt8>) -> String? {
        guard bytes.count == 4 || bytes.count == 16 else { return nil }
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let family = bytes.count == 4 ? AF_INET : AF_INET6
        guard inet_ntop(family, bytes.baseAddress, &text, socklen_t(text.count)) != nil else { return nil }
        return String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// OpenSSL would ask on the terminal for the passphrase of an encrypted key.
private let refusePassphrase:
    @convention(c) (UnsafeMutablePointer<CChar>?, Int32, Int32, UnsafeMutableRawPointer?) -> Int32 = { _, _, _, _ in -1
    }
