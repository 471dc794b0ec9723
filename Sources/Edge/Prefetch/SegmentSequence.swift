// SPDX-License-Identifier: Apache-2.0

import HLS

/// The order of the segments of one media playlist (RFC 8216 section 4.3.3), for finding what follows a segment: the names
/// in one block, and their positions sorted by name. Segments that are ranges of a resource, have a query or lie in another
/// folder than the first are left out.
struct SegmentSequence: Sendable {
    /// A playlist with more is not kept.
    static let segmentsMax = 20_000

    /// The path of the playlist.
    let playlist: [UInt8]
    /// The folder of the segments, with its slash.
    let folder: [UInt8]
    /// No segment will be added.
    let isComplete: Bool
    private let names: [UInt8]
    /// Where each name ends.
    private let ends: [UInt32]
    /// Positions in the playlist, by name.
    private let order: [UInt32]

    /// Nil when no segment can be used.
    init?(_ playlist: MediaPlaylist, path: [UInt8]) {
        guard playlist.segments.count <= Self.segmentsMax else { return nil }
        var folder: [UInt8]?
        var names: [UInt8] = []
        var ends: [UInt32] = []
        for segment in playlist.segments where segment.byteRange == nil {
            guard let target = PlainPath.resolve(Array(segment.uri.utf8), from: path) else { continue }
            let count = target.withUnsafeBytes { PlainPath.folderCount($0) }
            let present = folder ?? Array(target[..<count])
            guard target.count > count, target[..<count].elementsEqual(present) else { continue }
            folder = present
            names += target[count...]
            ends.append(UInt32(names.count))
        }
        guard let folder else { return nil }
        self.playlist = path
        self.folder = folder
        self.names = names
        self.ends = ends
        isComplete = playlist.isComplete
        order = (0..<UInt32(ends.count)).sorted { left, right in
            let (one, other) = (Self.name(Int(left), names, ends), Self.name(Int(right), names, ends))
            return one.elementsEqual(other) ? left < right : one.lexicographicallyPrecedes(other)
        }
    }

    /// What the sequence takes in memory.
    var costBytes: Int { names.count + 8 * ends.count + playlist.count + folder.count + 256 }

    /// The paths of the next segments behind the one at `path`, `count` at most. Nil when that is not one of them.
    func following(_ path: UnsafeRawBufferPointer, count: Int) -> [[UInt8]]? {
        guard path.count > folder.count, path.prefix(folder.count).elementsEqual(folder),
            let position = position(of: path.dropFirst(folder.count))
        else { return nil }
        let end = min(ends.count, position + 1 + count)
        return (position + 1..<end).map { folder + Self.name($0, names, ends) }
    }

    /// The first place of a name in the playlist.
    private func position(of name: Slice<UnsafeRawBufferPointer>) -> Int? {
        var low = 0
        var high = order.count
        while low < high {
            let middle = (low + high) / 2
            let isBefore = Self.name(Int(order[middle]), names, ends).lexicographicallyPrecedes(name)
            if isBefore { low = middle + 1 } else { high = middle }
        }
        guard low < order.count, Self.name(Int(order[low]), names, ends).elementsEqual(name) else { return nil }
        return Int(order[low])
    }

    private static func name(_ index: Int, _ names: [UInt8], _ ends: [UInt32]) -> ArraySlice<UInt8> {
        names[(index == 0 ? 0 : Int(ends[index - 1]))..<Int(ends[index])]
    }
}
