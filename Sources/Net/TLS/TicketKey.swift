// SPDX-License-Identifier: Apache-2.0
//
// The secrets that encrypt session tickets (RFC 5077 section 4). A key is immutable, shared by reference, and wiped when
// the last reference goes: with it go the means to read recorded sessions of TLS 1.2 that its tickets could resume.

import Base
import COpenSSL

/// A ticket key: a public name of 16 bytes, a key for AES-CBC and one for HMAC-SHA256.
///
/// `@unchecked Sendable` because the bytes are written in `init` and by the wiping `deinit` only.
public final class TicketKey: @unchecked Sendable {
    static let nameBytes = 16
    /// With AES-256 or AES-128: the sizes and the order of nginx's ssl_session_ticket_key.
    static let sizes = [80, 48]

    private let bytes: UnsafeMutablePointer<UInt8>
    private let count: Int

    var name: UnsafeBufferPointer<UInt8> { part(0, Self.nameBytes) }
    var usesAES256: Bool { count == 80 }
    var macKey: UnsafeBufferPointer<UInt8> { usesAES256 ? part(16, 32) : part(32, 16) }
    var cipherKey: UnsafeBufferPointer<UInt8> { usesAES256 ? part(48, 32) : part(16, 16) }

    /// Takes the 80 or 48 bytes of a key; nil for any other number.
    init?(_ secret: some Collection<UInt8>) {
        guard Self.sizes.contains(secret.count) else { return nil }
        count = secret.count
        bytes = .allocate(capacity: count)
        for (index, byte) in secret.enumerated() { bytes[index] = byte }
    }

    /// A new key of random bytes. Nil when the system has no randomness to give.
    init?() {
        count = Self.sizes[0]
        bytes = .allocate(capacity: count)
        bytes.initialize(repeating: 0, count: count)
        guard RAND_priv_bytes(bytes, Int32(count)) == 1 else { return nil }
    }

    deinit {
        OPENSSL_cleanse(bytes, count)
        bytes.deallocate()
    }

    private func part(_ start: Int, _ length: Int) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: bytes + start, count: length)
    }

    /// Reads a key file: one key a line as 160 or 96 hexadecimal digits (`openssl rand -hex 80`), newest first, with empty
    /// lines and `#` comments skipped; or the 80 or 48 raw bytes of one key, as nginx takes them. Throws a
    /// `ConfigurationError` that names the line, `SystemError` when the file can not be read.
    static func read(file path: String) throws -> [TicketKey] {
        var content = try readFile(path)
        defer { content.withUnsafeMutableBytes { OPENSSL_cleanse($0.baseAddress, $0.count) } }
        if let key = TicketKey(content) { return [key] }
        return try parse(content, file: path)
    }

    static func parse(_ content: [UInt8], file path: String) throws -> [TicketKey] {
        var keys: [TicketKey] = []
        var problems: [ConfigurationProblem] = []
        func report(_ line: Int, _ problem: String) {
            problems.append(ConfigurationProblem(file: path, line: line, column: 1, key: "", problem: problem))
        }
        let lines = content.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let digits = line.prefix { $0 != UInt8(ascii: "#") }.filter { $0 > 0x20 }
            guard !digits.isEmpty else { continue }
            if let secret = decodeHexadecimal(digits), let key = TicketKey(secret) {
                keys.append(key)
            } else {
                report(index + 1, "is not a ticket key of 160 or 96 hexadecimal digits")
            }
        }
        if problems.isEmpty, !(1...TicketKeys.keysMax).contains(keys.count) {
            report(1, "holds \(keys.count) keys; 1 to \(TicketKeys.keysMax) are allowed")
        }
        let names = Set(keys.map { Array($0.name) })
        if problems.isEmpty, names.count < keys.count { report(1, "holds two keys with the same first 16 bytes") }
        guard problems.isEmpty else { throw ConfigurationError(problems: problems) }
        return keys
    }
}

/// Decodes hexadecimal digits of either case; nil for anything else or an odd number of them.
private func decodeHexadecimal(_ digits: [UInt8]) -> [UInt8]? {
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for index in stride(from: 0, to: digits.count, by: 2) {
        guard let byte = UInt8(String(decoding: digits[index..<index + 2], as: UTF8.self), radix: 16),
            digits[index] != UInt8(ascii: "+")
        else { return nil }
        bytes.append(byte)
    }
    return bytes
}
