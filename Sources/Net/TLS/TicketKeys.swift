// SPDX-License-Identifier: Apache-2.0
//
// The ticket keys in force, shared by all workers and by all contexts of a process, also by those made at a reload: a
// reload must not end everybody's sessions. Any thread may read; the main thread replaces. A handshake takes the lock
// once, for the time of finding a key.

import Base
import COpenSSL
import Synchronization

/// The keys of session tickets, newest first: the first one encrypts, all decrypt.
public final class TicketKeys: Sendable {
    public static let keysMax = 8
    /// Random keys that are held: with the newest, those of the rotations before it.
    private static let randomKeysMax = 2

    private let ring: Mutex<[TicketKey]>

    private init(_ keys: [TicketKey]) {
        ring = Mutex(keys)
    }

    /// A new random key, for this process alone. Throws `TLSError` when the system gives no random bytes.
    public convenience init() throws {
        self.init([try Self.randomKey()])
    }

    /// The keys of a file, which nodes may share. Throws as `TicketKey.read` does.
    public convenience init(file: String) throws {
        self.init(try TicketKey.read(file: file))
    }

    private static func randomKey() throws -> TicketKey {
        guard let key = TicketKey() else { throw TLSError(problem: "no random bytes: \(TLSError.takeQueueText())") }
        return key
    }

    /// Puts a new random key in front; the one before still decrypts, older ones are forgotten. Throws as `init()` does.
    public func rotate() throws {
        let key = try Self.randomKey()
        ring.withLock { $0 = [key] + $0.prefix(Self.randomKeysMax - 1) }
    }

    /// Puts the keys of another set, such as one just read from a file, in the place of these.
    public func replace(with other: TicketKeys) {
        let keys = other.ring.withLock { $0 }
        ring.withLock { $0 = keys }
    }

    var newest: TicketKey { ring.withLock { $0[0] } }

    /// The key with this name, and whether it is the newest; nil when there is none, or none any more.
    func find(name: UnsafePointer<UInt8>) -> (key: TicketKey, isNewest: Bool)? {
        let wanted = UnsafeBufferPointer(start: name, count: TicketKey.nameBytes)
        return ring.withLock { keys in
            guard let index = keys.firstIndex(where: { $0.name.elementsEqual(wanted) }) else { return nil }
            return (keys[index], index == 0)
        }
    }
}

/// OpenSSL's question for the key of a ticket that is to be made (`isNew` 1) or read. Returns 1 to use it, 2 to use it and
/// send the client a fresh one, 0 for an unknown key (a full handshake follows), -1 for a failure.
let chooseTicketKey:
    @convention(c) (
        OpaquePointer?, UnsafeMutablePointer<UInt8>?, UnsafeMutablePointer<UInt8>?, OpaquePointer?, OpaquePointer?,
        Int32
    ) -> Int32 = { ssl, name, vector, cipher, mac, isNew in
        guard let ssl, let name, let vector,
            let data = SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), TLSContext.ticketKeysIndex)
        else { return -1 }
        // The context, which the session holds, keeps the keys.
        let keys = Unmanaged<TicketKeys>.fromOpaque(data).takeUnretainedValue()
        guard isNew == 0 else { return sealTicket(keys.newest, name, vector, cipher, mac) }
        guard let (key, isNewest) = keys.find(name: name) else { return 0 }
        let method = key.usesAES256 ? aes256 : aes128
        guard spw_mac_init_sha256(mac, key.macKey.baseAddress, key.macKey.count) == 1,
            EVP_DecryptInit_ex(cipher, method, nil, key.cipherKey.baseAddress, vector) == 1
        else { return -1 }
        return isNewest ? 1 : 2
    }

private func sealTicket(
    _ key: TicketKey, _ name: UnsafeMutablePointer<UInt8>, _ vector: UnsafeMutablePointer<UInt8>,
    _ cipher: OpaquePointer?, _ mac: OpaquePointer?
) -> Int32 {
    for (index, byte) in key.name.enumerated() { name[index] = byte }
    let method = key.usesAES256 ? aes256 : aes128
    guard RAND_bytes(vector, EVP_CIPHER_get_iv_length(method)) == 1,
        spw_mac_init_sha256(mac, key.macKey.baseAddress, key.macKey.count) == 1,
        EVP_EncryptInit_ex(cipher, method, nil, key.cipherKey.baseAddress, vector) == 1
    else { return -1 }
    return 1
}

/// Looked up once: OpenSSL 3 would search its providers at every handshake. `nonisolated(unsafe)` because they are only
/// read after their initialiser.
private nonisolated(unsafe) let aes256 = EVP_CIPHER_fetch(nil, "AES-256-CBC", nil)
private nonisolated(unsafe) let aes128 = EVP_CIPHER_fetch(nil, "AES-128-CBC", nil)
