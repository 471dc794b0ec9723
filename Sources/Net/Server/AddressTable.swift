// SPDX-License-Identifier: Apache-2.0
//
// How many connections each client address has, over all workers of a process. Touched when a connection is accepted
// and when it is closed, never by a request. The table is cut into shards with a lock each; an address is forgotten
// with its last connection, so the table never holds more entries than there are connections.

import CLinux
import Glibc
import Synchronization

/// What counts as one client: an IPv4 address, or the /64 network of an IPv6 address, of which one client commonly has
/// all (RFC 6177).
public struct ClientAddress: Hashable, Sendable {
    private let isIPv6: Bool
    private let value: UInt64

    /// Nil for a peer that is neither IPv4 nor IPv6. An IPv4-mapped IPv6 address is the IPv4 address.
    init?(_ peer: borrowing sockaddr_storage) {
        let storage = copy peer
        switch Int32(storage.ss_family) {
        case AF_INET:
            let address = withUnsafeBytes(of: storage) { $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self) }
            self.init(isIPv6: false, value: UInt64(UInt32(bigEndian: address)))
        case AF_INET6:
            // `sin6_addr` follows family, port and flow label.
            let (high, low) = withUnsafeBytes(of: storage) {
                (
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
                )
            }
            let isMapped = high == 0 && low >> 32 == 0xFFFF
            self.init(isIPv6: !isMapped, value: isMapped ? low & 0xFFFF_FFFF : high)
        default: return nil
        }
    }

    init(isIPv6: Bool, value: UInt64) {
        self.isIPv6 = isIPv6
        self.value = value
    }
}

/// Connections by client address. See the head of the file.
public final class AddressTable: Sendable {
    private final class Shard: Sendable {
        let connections = Mutex<[ClientAddress: Int]>([:])
    }

    private static let shardCount = 16

    /// One connection in a table. It is a connection's own record of where it is counted: a reload may give later ones
    /// another table, or none.
    struct Entry {
        private let table: AddressTable
        private let address: ClientAddress

        init(_ table: AddressTable, _ address: ClientAddress) {
            self.table = table
            self.address = address
        }

        func enter() -> Bool { table.enter(address) }
        func leave() { table.leave(address) }
    }

    private let limit: Atomic<Int>
    private let shards = (0..<AddressTable.shardCount).map { _ in Shard() }

    public init(connectionsMax: Int) {
        precondition(connectionsMax > 0)
        limit = Atomic(connectionsMax)
    }

    /// Connections that one address may have; a lower number closes none of those that are open.
    public var connectionsMax: Int {
        get { limit.load(ordering: .relaxed) }
        set {
            precondition(newValue > 0)
            limit.store(newValue, ordering: .relaxed)
        }
    }

    /// Counts one more connection of `address`; false when it has as many as it may.
    func enter(_ address: ClientAddress) -> Bool {
        shard(address).connections.withLock { connections in
            let count = connections[address, default: 0]
            guard count < connectionsMax else { return false }
            connections[address] = count + 1
            return true
        }
    }

    /// One connection that `enter` has counted is closed.
    func leave(_ address: ClientAddress) {
        shard(address).connections.withLock { connections in
            guard let count = connections[address] else { return }
            connections[address] = count > 1 ? count - 1 : nil
        }
    }

    /// Addresses with a connection.
    var count: Int {
        shards.reduce(0) { $0 + $1.connections.withLock { $0.count } }
    }

    private func shard(_ address: ClientAddress) -> Shard {
        shards[Int(truncatingIfNeeded: UInt(bitPattern: address.hashValue) >> 40) & (Self.shardCount - 1)]
    }
}
