// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net

/// Bodies in pieces: what a response needs is fetched when it gets there.
extension EdgeWorker {
    /// The response has come to slices that are not here: fetch them, unless somebody does already.
    func fetchPiece(for reader: Reader, _ exchange: Exchange, _ body: StoredBody) {
        guard let length = body.length, let wanted = wantedBytes(exchange, length) else { return }
        guard !tier.memory.isExhausted else { return giveUp(reader.object, body) }
        let slices = SliceRange.slices(of: wanted)
        guard let claimed = body.claim(from: slices.lowerBound, to: slices.upperBound) else { return }
        let (run, copy) = body.diskRun(claimed)
        body.release(run.upperBound..<claimed.upperBound)
        if let copy, let disk {
            let piece = DiskPiece(object: reader.object, body: body, run: run, copy: copy, worker: self)
            // Not from inside the HTTP session: a refusal is told at once.
            return loop.mailbox.post { piece.start(disk.tier) }
        }
        let fill = PieceFill(
            object: reader.object, body: body, run: run, request: reader.request, worker: self)
        pieceFills[ObjectIdentifier(fill)] = fill
        // Not from inside the HTTP session; on this same thread.
        nonisolated(unsafe) let started = fill
        loop.mailbox.post { started.start() }
    }

    /// The disk has no room for a read now.
    func readLater(_ piece: DiskPiece) { unread.append(piece) }

    /// With each turn: offers the reads that were refused.
    func offerUnread() {
        guard let disk, !unread.isEmpty else { return }
        let pieces = unread
        unread = []
        for piece in pieces { piece.start(disk.tier) }
    }

    /// There is no memory for more of the body: it goes, with what it takes, and its readers are cut off.
    private func giveUp(_ object: CachedObject, _ body: StoredBody) {
        counters.fillsRefused.add()
        // Not from inside the HTTP session.
        loop.mailbox.post { [self] in
            object.fail(.refused)
            tier.withdraw(body, of: object.key)
            tier.withdraw(object)
            notify(body)
        }
    }

    func forget(_ fill: PieceFill) {
        pieceFills[ObjectIdentifier(fill)] = nil
    }

    /// The bytes of the representation that the response needs next, with what is read ahead.
    private func wantedBytes(_ exchange: Exchange, _ length: Int) -> Range<Int>? {
        var first = exchange.position
        var end = min(length, exchange.end)
        if let parts = exchange.body as? MultipartBody {
            guard let part = parts.sourceRange(at: exchange.position) else { return nil }
            (first, end) = (part.lowerBound, part.upperBound)
        }
        guard first < end else { return nil }
        return first..<min(end, first + max(settings.readAheadBytes, 1))
    }
}
