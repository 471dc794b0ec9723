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
        var lastUse: UInt64
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
    mutating func keep(_ sequence: SegmentSequence) {
        guard sequence.costBytes <= bytesMax else { return }
        let hash = sequence.folder.withUnsafeBytes { hasher.hash($0) }
        uses += 1
        if let index = places[hash]?.firstIndex(where: { $0.sequence.playlist == sequence.playlist }) {
            remove(hash, index)
        }
        places[hash, default: []].append(Place(sequence: sequence, lastUse: uses))
        count += 1
        costBytes += sequence.costBytes
        while count > playlistsMax || costBytes > bytesMax { removeOldest() }
    }

    /// What follows the segment at `path`, `count` segments at most; nil when no playlist names it. Of several that do, the
    /// one seen last.
    mutating func following(_ path: UnsafeRawBufferPointer, count: Int) -> Following? {
        let hash = hasher.hash(UnsafeRawBufferPointer(rebasing: path[..<PlainPath.folderCount(path)]))
        guard let candidates = places[hash] else { return nil }
        for index in candidates.indices.reversed() {
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
        costBytes -= removed.sequence.costBytes
    }
}
