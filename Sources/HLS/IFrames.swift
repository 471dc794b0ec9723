// SPDX-License-Identifier: Apache-2.0

/// Where the first picture of one fragment lies, for an I-frame playlist.
public struct IFrameRange: Sendable, Codable, Equatable {
    /// Bytes before the fragment's `moof` in the segment.
    public var offset: Int
    /// Bytes from there to the end of the first sample: the range holds the `moof` (Apple's HLS authoring
    /// specification, rule 6.10).
    public var length: Int
    /// The samples of the fragment.
    public var frames: Int

    public init(offset: Int, length: Int, frames: Int) {
        self.offset = offset
        self.length = length
        self.frames = frames
    }
}

/// The first samples of a segment's fragments, each of which must begin with an I frame. Nil when the bytes are
/// not fragments of one track with one `trun`, each with its `moof` before its samples.
public func mp4IFrames(_ segment: [UInt8]) -> [IFrameRange]? {
    guard let boxes = mp4Boxes(in: segment) else { return nil }
    var ranges: [IFrameRange] = []
    for moof in boxes where moof.type == "moof" {
        // `moof` has the short header: it is far below 4 GiB.
        let start = moof.body.lowerBound - 8
        guard let track = mp4Box(in: segment, path: ["traf"], range: moof.body),
            let run = mp4Box(in: segment, path: ["trun"], range: track.body),
            let first = firstSample(segment, track: track, run: run), first.offset >= moof.body.count + 8,
            start + first.offset + first.size <= segment.count
        else { return nil }
        ranges.append(IFrameRange(offset: start, length: first.offset + first.size, frames: first.count))
    }
    return ranges.isEmpty ? nil : ranges
}

/// Where the first sample lies behind the start of the `moof`, and how many samples the run has (ISO/IEC 14496-12
/// sections 8.8.7 and 8.8.8).
private func firstSample(_ bytes: [UInt8], track: MP4Box, run: MP4Box) -> (offset: Int, size: Int, count: Int)? {
    guard let head = bigEndian(bytes, at: run.body.lowerBound, count: 4),
        let count = bigEndian(bytes, at: run.body.lowerBound + 4, count: 4), count > 0,
        // Without a data offset the place depends on the fragment before.
        head & 0x1 != 0, let offset = bigEndian(bytes, at: run.body.lowerBound + 8, count: 4)
    else { return nil }
    var position = run.body.lowerBound + 12
    if head & 0x4 != 0 { position += 4 }
    if head & 0x100 != 0 { position += 4 }
    let ownSize = head & 0x200 != 0 ? bigEndian(bytes, at: position, count: 4) : defaultSampleSize(bytes, track)
    guard let size = ownSize, size > 0, position + 4 <= run.body.upperBound || head & 0x200 == 0 else { return nil }
    return (offset, size, count)
}

private func defaultSampleSize(_ bytes: [UInt8], _ track: MP4Box) -> Int? {
    guard let header = mp4Box(in: bytes, path: ["tfhd"], range: track.body),
        let flags = bigEndian(bytes, at: header.body.lowerBound, count: 4), flags & 0x10 != 0
    else { return nil }
    var position = header.body.lowerBound + 8
    if flags & 0x1 != 0 { position += 8 }
    if flags & 0x2 != 0 { position += 4 }
    if flags & 0x8 != 0 { position += 4 }
    return position + 4 <= header.body.upperBound ? bigEndian(bytes, at: position, count: 4) : nil
}
