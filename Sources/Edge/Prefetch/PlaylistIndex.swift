// SPDX-License-Identifier: Apache-2.0
//
// What the process knows of playlists, shared by all workers: the shelf under a lock, which a worker takes when an object
// is used for the first time, and every now and then while no playlist names it; never for every hit. Playlists are read
// on the main thread, so that no connection waits for a long one. Lives as long as the process.

import Base
import HLS
import Net
import Synchronization

/// Finds what follows a segment, by the media playlists that were served. See the head of the file.
final class PlaylistIndex: Sendable {
    /// Longer playlists are not read.
    static let playlistBytesMax = 1 << 20
    /// Playlists that are remembered, and what they may take.
    private static let playlistsMax = 1024
    private static let shelfBytesMax = 8 << 20
    /// Playlists that may wait to be read; those that come then are read at a later use.
    private static let waitingMax = 64

    private let shelf = Mutex(PlaylistShelf(playlistsMax: playlistsMax, bytesMax: shelfBytesMax))
    private let waiting = Atomic<Int>(0)
    private let memory: BodyMemory
    /// Of the thread that reads.
    private let mailbox: Mailbox

    init(memory: BodyMemory, mailbox: Mailbox) {
        self.memory = memory
        self.mailbox = mailbox
    }

    /// What follows the segment with this key; nil when no playlist of the same site names it.
    func following(_ key: CacheKey, count: Int) -> PlaylistShelf.Following? {
        let scope = key.scope
        return key.target.withUnsafeBytes { path in
            shelf.withLock { $0.following(path, count: count, scope: scope) }
        }
    }

    /// A playlist is whole: it is read soon. False when there is too much to read just now.
    func note(_ object: CachedObject) -> Bool {
        guard let head = object.head, head.isPlaylist, head.status == 200, !head.isEncoded, let body = object.stored,
            body.isWhole, let length = body.length, length <= Self.playlistBytesMax
        else { return true }
        guard waiting.load(ordering: .relaxed) < Self.waitingMax else { return false }
        waiting.wrappingAdd(1, ordering: .relaxed)
        mailbox.post { [self] in
            waiting.wrappingSubtract(1, ordering: .relaxed)
            read(object, body, length: length)
        }
        return true
    }

    private func read(_ object: CachedObject, _ body: StoredBody, length: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(length)
        while case .bytes(let piece) = body.window(at: bytes.count) { bytes += piece }
        guard case .media(let playlist)? = try? Playlist.parse(bytes),
            let sequence = SegmentSequence(playlist, path: object.key.target)
        else { return }
        let growth = shelf.withLock { shelf in
            let before = shelf.costBytes
            shelf.keep(sequence, scope: object.key.scope)
            return shelf.costBytes - before
        }
        memory.add(growth)
    }
}
