// SPDX-License-Identifier: Apache-2.0

/// A multivariant playlist as it was read, with the lines that it was read from.
struct MultivariantFacts {
    /// EXT-X-STREAM-INF, or EXT-X-I-FRAME-STREAM-INF.
    struct Stream {
        var line: Int
        var uri: String
        var isIFrames = false
        /// Nil when it is missing or malformed.
        var bandwidth: Int?
        var averageBandwidth: Int?
        /// Nil when the attribute is missing.
        var codecs: [String]?
        var resolution: PictureSize?
        var frameRate: Double?
        var videoRange: String?
        var hasScore = false
        /// The groups by the TYPE of their members.
        var groups: [Rendition.Kind: String] = [:]
        var hasNoClosedCaptions = false
    }

    /// EXT-X-MEDIA.
    struct Member {
        var line: Int
        var kind: Rendition.Kind
        var group: String
        var name: String
        var uri: String?
        var language: String?
        var channels: String?
        var characteristics: String?
        var isDefault = false
        var isAutoselect = false
        var isForced = false
    }

    var place: String
    /// Where it was in the end; its URIs are relative to that.
    var address = ""
    var independentSegments = false
    var streams: [Stream] = []
    var members: [Member] = []

    var variants: [Stream] { streams.filter { !$0.isIFrames } }

    func members(_ kind: Rendition.Kind, group: String?) -> [Member] {
        group.map { group in members.filter { $0.kind == kind && $0.group == group } } ?? []
    }
}
