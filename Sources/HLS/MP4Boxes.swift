// SPDX-License-Identifier: Apache-2.0

/// One box of an ISO base media file (ISO/IEC 14496-12 section 4.2): its type and where its body lies.
public struct MP4Box: Sendable, Equatable {
    /// Four characters such as `moof`.
    public var type: String
    /// The body's place in the bytes that were read, behind size, type and large size.
    public var body: Range<Int>
}

/// The boxes of `bytes[range]`, one after another. Nil when a size is wrong or there are more than 10,000.
///
/// With `lastMayBeCut` the last box may be longer than what is there; its body is then what is there of it.
public func mp4Boxes(in bytes: [UInt8], range: Range<Int>? = nil, lastMayBeCut: Bool = false) -> [MP4Box]? {
    let range = range ?? bytes.indices
    guard range.lowerBound >= 0, range.upperBound <= bytes.count else { return nil }
    var boxes: [MP4Box] = []
    var position = range.lowerBound
    while position < range.upperBound {
        guard range.upperBound - position >= 8, boxes.count < 10_000,
            var size = bigEndian(bytes, at: position, count: 4)
        else { return nil }
        var header = 8
        if size == 1 {
            header = 16
            guard let large = bigEndian(bytes, at: position + 8, count: 8) else { return nil }
            size = large
        } else if size == 0 {
            size = range.upperBound - position
        }
        guard size >= header, position + header <= range.upperBound else { return nil }
        if lastMayBeCut { size = min(size, range.upperBound - position) }
        guard size <= range.upperBound - position else { return nil }
        let type = String(decoding: bytes[position + 4..<position + 8], as: UTF8.self)
        boxes.append(MP4Box(type: type, body: position + header..<position + size))
        position += size
    }
    return boxes
}

/// The first box at a path of nested plain boxes, such as `["moof", "traf", "tfdt"]`.
public func mp4Box(in bytes: [UInt8], path: [String], range: Range<Int>? = nil) -> MP4Box? {
    guard let name = path.first, let box = mp4Boxes(in: bytes, range: range)?.first(where: { $0.type == name }) else {
        return nil
    }
    return path.count == 1 ? box : mp4Box(in: bytes, path: Array(path.dropFirst()), range: box.body)
}

/// The `baseMediaDecodeTime` of a fragment's first track (section 8.8.12), in units of the track's timescale.
public func mp4FragmentDecodeTime(_ bytes: [UInt8]) -> Int? {
    guard let box = mp4Box(in: bytes, path: ["moof", "traf", "tfdt"]), box.body.count >= 8 else { return nil }
    let timeBytes = bytes[box.body.lowerBound] == 1 ? 8 : 4
    guard box.body.count >= 4 + timeBytes else { return nil }
    return bigEndian(bytes, at: box.body.lowerBound + 4, count: timeBytes)
}

/// The H.264 decoder configuration record of an initialization segment's first track.
public func mp4AVCConfiguration(_ bytes: [UInt8]) -> [UInt8]? {
    guard let box = mp4Box(in: bytes, path: ["moov", "trak", "mdia", "minf", "stbl", "stsd"]),
        box.body.count > 8, let entry = mp4Boxes(in: bytes, range: box.body.dropFirst(8))?.first,
        entry.type == "avc1", entry.body.count > 78,
        // A visual sample entry has 78 bytes of fields before its boxes (section 12.1.3).
        let record = mp4Boxes(in: bytes, range: entry.body.dropFirst(78))?.first(where: { $0.type == "avcC" })
    else { return nil }
    return Array(bytes[record.body])
}

/// A big-endian unsigned number; nil outside the bytes or above `Int.max`.
func bigEndian(_ bytes: [UInt8], at position: Int, count: Int) -> Int? {
    guard position >= 0, position + count <= bytes.count else { return nil }
    let value = bytes[position..<position + count].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    return Int(exactly: value)
}
