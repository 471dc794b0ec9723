// SPDX-License-Identifier: Apache-2.0

import Crypto
import Foundation

/// A checksum that an uploader announced, computed while the bytes pass.
///
/// The `x-amz-checksum-` algorithms of S3, `Content-MD5`, and the SHA-256 that a signature covers.
struct UploadChecksum {
    private enum Running {
        case crc(CRC32)
        case md5(Insecure.MD5)
        case sha1(Insecure.SHA1)
        case sha256(SHA256)
    }

    /// The header or trailer that announces it, lower-case.
    let name: String
    private var running: Running

    /// Nil for an algorithm that is not known here.
    init?(header name: String) {
        switch name {
        case "x-amz-checksum-crc32": running = .crc(CRC32(.ieee))
        case "x-amz-checksum-crc32c": running = .crc(CRC32(.castagnoli))
        case "x-amz-checksum-sha1": running = .sha1(Insecure.SHA1())
        case "x-amz-checksum-sha256", "x-amz-content-sha256": running = .sha256(SHA256())
        case "content-md5": running = .md5(Insecure.MD5())
        default: return nil
        }
        self.name = name
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // Taken out and put back, so that the hash's state is not copied.
        switch running {
        case .crc(var crc):
            crc.update(bytes)
            running = .crc(crc)
        case .md5(var hash):
            hash.update(bufferPointer: bytes)
            running = .md5(hash)
        case .sha1(var hash):
            hash.update(bufferPointer: bytes)
            running = .sha1(hash)
        case .sha256(var hash):
            hash.update(bufferPointer: bytes)
            running = .sha256(hash)
        }
    }

    /// The digest as the header carries it: hexadecimal for `x-amz-content-sha256`, Base64 for all others.
    var text: String {
        let bytes: [UInt8] =
            switch running {
            case .crc(let crc): crc.bytes
            case .md5(let hash): Array(hash.finalize())
            case .sha1(let hash): Array(hash.finalize())
            case .sha256(let hash): Array(hash.finalize())
            }
        return name == "x-amz-content-sha256" ? hexText(bytes) : Data(bytes).base64EncodedString()
    }
}

/// A reflected CRC of 32 bits, eight bytes at a time by tables.
struct CRC32 {
    /// The tables of one polynomial: `rows[k][b]` is the effect of byte `b` that is followed by `k` more bytes.
    final class Polynomial: Sendable {
        let rows: [UInt32]

        init(reflected polynomial: UInt32) {
            var rows = [UInt32](repeating: 0, count: 8 * 256)
            for byte in 0..<256 {
                var value = UInt32(byte)
                for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ polynomial : value >> 1 }
                rows[byte] = value
            }
            for index in 256..<rows.count {
                let shorter = rows[index - 256]
                rows[index] = shorter >> 8 ^ rows[Int(shorter & 0xFF)]
            }
            self.rows = rows
        }

        /// IEEE 802.3, as in zlib.
        static let ieee = Polynomial(reflected: 0xEDB8_8320)
        /// RFC 3720 appendix B.4.
        static let castagnoli = Polynomial(reflected: 0x82F6_3B78)
    }

    private let polynomial: Polynomial
    private var state: UInt32 = 0xFFFF_FFFF

    init(_ polynomial: Polynomial) {
        self.polynomial = polynomial
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        polynomial.rows.withUnsafeBufferPointer { rows in
            var crc = state
            var index = 0
            while index + 8 <= bytes.count {
                let word = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self))
                let mixed = word ^ UInt64(crc)
                crc = 0
                for lane in 0..<8 {
                    let byte = Int(truncatingIfNeeded: mixed >> UInt64(8 * lane)) & 0xFF
                    crc ^= rows[(7 - lane) * 256 + byte]
                }
                index += 8
            }
            while index < bytes.count {
                crc = crc >> 8 ^ rows[Int((crc ^ UInt32(bytes[index])) & 0xFF)]
                index += 1
            }
            state = crc
        }
    }

    /// The four bytes of the value, the highest first.
    var bytes: [UInt8] {
        let value = ~state
        return [UInt8(value >> 24), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)]
    }
}
