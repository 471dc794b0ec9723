// SPDX-License-Identifier: Apache-2.0
//
// A body on its way to the one client that asked for it, which nobody else may see. Written by a fill and read by an
// exchange of the same worker, on its thread. What the client has taken is given up; the fill makes upstream wait while
// the client is far behind, so an endless body with a slow reader takes no more memory than a short one.

import Net

/// The bytes of a response that is not stored.
final class PipeBody: BodySource {
    /// Upstream waits while this much has not been taken.
    static let aheadBytesMax = 1 << 20

    private let memory: BodyMemory
    private var pieces: [(start: Int, bytes: BytesBody)] = []
    /// Pieces before this one have been given up; they are taken out of the list now and then.
    private var first = 0
    /// Bytes that have come.
    private(set) var receivedBytes = 0
    private var heldBytes = 0
    private var hasEnded = false
    private var hasFailed = false

    init(memory: BodyMemory) {
        self.memory = memory
    }

    deinit {
        memory.add(-heldBytes)
    }

    override func window(at offset: Int) -> Window {
        guard offset < receivedBytes else { return hasFailed ? .failed : hasEnded ? .end : .pending }
        // Readers go forward: the piece is one of the first.
        guard let piece = pieces[first...].first(where: { offset < $0.start + $0.bytes.count }),
            offset >= piece.start
        else { return .failed }
        return piece.bytes.window(at: offset - piece.start)
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        guard !bytes.isEmpty else { return }
        pieces.append((receivedBytes, BytesBody(bytes)))
        receivedBytes += bytes.count
        heldBytes += bytes.count
        memory.add(bytes.count)
    }

    /// Gives up what lies before `position`: its reader has taken it.
    func discard(before position: Int) {
        while first < pieces.count, pieces[first].start + pieces[first].bytes.count <= position {
            heldBytes -= pieces[first].bytes.count
            memory.add(-pieces[first].bytes.count)
            first += 1
        }
        guard first > 16, first * 2 > pieces.count else { return }
        pieces.removeFirst(first)
        first = 0
    }

    func complete() { hasEnded = true }

    func fail() { hasFailed = true }
}
