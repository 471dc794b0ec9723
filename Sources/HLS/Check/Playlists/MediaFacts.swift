// SPDX-License-Identifier: Apache-2.0

/// A media playlist as it was read, with the lines that it was read from.
struct MediaFacts {
    struct Entry {
        /// The line of the URI.
        var line: Int
        var segment: MediaSegment
        /// The bytes of the resource that are the segment; nil for all.
        var range: Range<Int>?
        /// EXT-X-MAP in force.
        var map: Map?
        /// How often the content was discontinued before this segment.
        var discontinuities: Int
    }

    struct Map: Hashable {
        var uri: String
        var range: Range<Int>?
        var isEncrypted = false
    }

    var place: String
    var version = 1
    /// Nil when the tag is missing.
    var targetDurationSeconds: Int?
    var mediaSequence = 0
    var discontinuitySequence = 0
    var kind: MediaPlaylist.Kind?
    var independentSegments = false
    var iFramesOnly = false
    var isComplete = false
    var hasProgramDateTime = false
    var entries: [Entry] = []
    /// The URIs of keys.
    var keys: [String] = []

    var durationSeconds: Double { entries.reduce(0) { $0 + $1.segment.durationSeconds } }
    /// Segments are added and removed: neither finished nor of EVENT type.
    var isLive: Bool { !isComplete && kind == nil }

    /// How a segment is shown: beside its playlist, as the playlist names it.
    func segmentPlace(_ number: Int) -> String {
        let entry = entries[number]
        var shown = Address.resolve(entry.segment.uri, against: "/" + place)
        shown = String(shown.dropFirst(shown.hasPrefix("/") ? 1 : 0).prefix { $0 != "?" })
        if let range = entry.range {
            shown += " bytes \(range.lowerBound)-\(max(range.lowerBound, range.upperBound - 1))"
        }
        return FindingList.shown(shown)
    }
}
