// SPDX-License-Identifier: Apache-2.0

/// What a presentation may make the check read and keep.
public struct CheckLimits: Sendable {
    /// Bytes of one playlist.
    public var playlistBytesMax = 8 << 20
    /// Bytes of one segment, or of one initialization section.
    public var segmentBytesMax = 64 << 20
    /// Segments of one media playlist.
    public var segmentsMax = 20_000
    /// Media playlists of one multivariant playlist.
    public var renditionsMax = 200
    /// Samples of one segment.
    public var samplesMax = 100_000

    public init() {}
}
