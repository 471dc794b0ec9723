// SPDX-License-Identifier: Apache-2.0

/// The sequences of the media playlists that were seen last, by the folder of their segments. Within limits of number and
/// bytes; the one that was of no use for the longest time leaves.
struct PlaylistShelf {
    /// What follows a segment.
    struct Following: Equatable {
        var paths: [[UInt8]]
        /// There may be more of them in a later playlist.
        var mayGrow: Bool
    }

    private struct Place {
        var sequence: SegmentSequence
        /// What keeps the site of the playlist apart from others in the cache.
        var scope: [UInt8]
        var lastUse: UInt64

        var costBytes: Int { sequence.costBytes + scope.count }
    }

    private let playlistsMax: Int
    private let bytesMax: Int
    private let hasher: KeyHasher
    /// By the hash of the folder.
    private var places: [UInt64: [Place]] = [:]
    private var uses: UInt64 = 0
    private(set) var count = 0
    private(set) var costBytes = 0

    init(playlistsMax: Int, bytesMax: Int, hasher: KeyHasher = KeyHasher()) {
        self.playlistsMax = playlistsMax
        self.bytesMax = bytesMax
        self.hasher = hasher
    }

    /// Takes a sequence in the place of the one that its playlist had before.
    mutating func keep(_ sequence: SegmentSequence, scope: [UInt8] = []) {
        let place = Place(sequence: sequence, scope: scope, lastUse: uses + 1)
        guard place.costBytes <= bytesMax else { return }
        let hash = sequence.folder.withUnsafeBytes { hasher.hash($0) }
        uses += 1
        let isOlder: (Place) -> Bool = { $0.sequence.playlist == sequence.playlist && $0.scope == scope }
        if let index = places[hash]?.firstIndex(where: isOlder) { remove(hash, index) }
        places[hash, default: []].append(place)
        count += 1
        costBytes += place.costBytes
        while count > playlistsMax || costBytes > bytesMax { removeOldest() }
    }

    /// What follows the segment at `path`, `count` segments at most; nil when no playlist of the scope names it. Of several
    /// that do, the one seen last.
    mutating func following(_ path: UnsafeRawBufferPointer, count: Int, scope: [UInt8] = []) -> Following? {
        let hash = hasher.hash(UnsafeRawBufferPointer(rebasing: path[..<PlainPath.folderCount(path)]))
        guard let candidates = places[hash] else { return nil }
        for index in candidates.indices.reversed() where candidates[index].scope == scope {
            let sequence = candidates[index].sequence
            guard let paths = sequence.following(path, count: count) else { continue }
            uses += 1
            places[hash]?[index].lastUse = uses
            return Following(paths: paths, mayGrow: paths.count < count && !sequence.isComplete)
        }
        return nil
    }

    private mutating func removeOldest() {
        var oldest: (hash: UInt64, index: Int, use: UInt64)?
        for (hash, list) in places {
            for (index, place) in list.enumerated() where place.lastUse < oldest?.use ?? .max {
                oldest = (hash, index, place.lastUse)
            }
        }
        if let oldest { remove(oldest.hash, oldest.index) }
    }

    private mutating func remove(_ hash: UInt64, _ index: Int) {
        guard let removed = places[hash]?.remove(at: index) else { return }
        if places[hash]?.isEmpty == true { places[hash] = nil }
        count -= 1
        costBytes -= removed.costBytes
    }
}
