// SPDX-License-Identifier: Apache-2.0
//
// Exchanges of one HTTP/2 session by the number of their stream, in a table of fixed size where a newer stream takes the
// place of an older one. It holds no references: whoever ends an exchange removes it here first.

/// A small direct-mapped table of open exchanges. The owner calls `free` at its end.
struct RecentExchanges {
    private static let count = 64

    private let places: UnsafeMutablePointer<Unmanaged<Exchange>?>

    init() {
        places = .allocate(capacity: Self.count)
        places.initialize(repeating: nil, count: Self.count)
    }

    func free() {
        places.deallocate()
    }

    /// A client's streams have odd numbers.
    @inline(__always)
    private func place(_ streamID: Int32) -> UnsafeMutablePointer<Unmanaged<Exchange>?> {
        places + Int(streamID >> 1) & (Self.count - 1)
    }

    @inline(__always)
    func insert(_ exchange: Exchange) {
        place(exchange.streamID).pointee = .passUnretained(exchange)
    }

    @inline(__always)
    func find(_ streamID: Int32) -> Unmanaged<Exchange>? {
        guard let found = place(streamID).pointee,
            found._withUnsafeGuaranteedRef({ $0.streamID == streamID })
        else { return nil }
        return found
    }

    @inline(__always)
    func remove(_ exchange: Exchange) {
        let place = place(exchange.streamID)
        guard let found = place.pointee, found._withUnsafeGuaranteedRef({ $0 === exchange }) else { return }
        place.pointee = nil
    }

    func removeAll() {
        places.update(repeating: nil, count: Self.count)
    }
}
