// SPDX-License-Identifier: Apache-2.0

/// A multivariant (master) playlist: the variants of one video and their renditions (RFC 8216 section 4.3.4).
public struct MultivariantPlaylist: Sendable, Equatable {
    /// EXT-X-VERSION; 1 when the playlist has none.
    public var version: Int
    public var independentSegments: Bool
    public var renditions: [Rendition]
    public var variants: [Variant]
    public var iFrameVariants: [IFrameVariant]

    public init(
        version: Int = 7, independentSegments: Bool = true, renditions: [Rendition] = [], variants: [Variant] = [],
        iFrameVariants: [IFrameVariant] = []
    ) {
        self.version = version
        self.independentSegments = independentSegments
        self.renditions = renditions
        self.variants = variants
        self.iFrameVariants = iFrameVariants
    }
}

/// One alternative of a group, such as an audio track (EXT-X-MEDIA, section 4.3.4.1).
public struct Rendition: Sendable, Equatable {
    public enum Kind: String, Sendable {
        case audio = "AUDIO"
        case video = "VIDEO"
        case subtitles = "SUBTITLES"
        case closedCaptions = "CLOSED-CAPTIONS"
    }

    public var kind: Kind
    public var group: String
    /// What a person reads in a menu; unique in the group.
    public var name: String
    /// RFC 5646; nil when it is not given.
    public var language: String?
    public var isDefault: Bool
    public var isAutoselect: Bool
    /// Subtitles that belong to the picture, such as the translation of a sign (FORCED).
    public var isForced: Bool
    /// The number of audio channels (the first part of CHANNELS).
    public var channels: Int?
    /// Nil: the rendition is inside the variants' own segments.
    public var uri: String?

    public init(
        kind: Kind, group: String, name: String, language: String? = nil, isDefault: Bool = true,
        isAutoselect: Bool = true, isForced: Bool = false, channels: Int? = nil, uri: String? = nil
    ) {
        self.kind = kind
        self.group = group
        self.name = name
        self.language = language
        self.isDefault = isDefault
        self.isAutoselect = isAutoselect
        self.isForced = isForced
        self.channels = channels
        self.uri = uri
    }
}

/// One variant stream (EXT-X-STREAM-INF, section 4.3.4.2).
public struct Variant: Sendable, Equatable {
    public var uri: String
    /// The peak segment bit rate of the variant with its largest renditions, in bits per second.
    public var bandwidth: Int
    /// All bytes over all time, in bits per second; nil when it is not given.
    public var averageBandwidth: Int?
    /// The formats of RFC 6381, in the order of the list.
    public var codecs: [String]
    public var resolution: PictureSize?
    /// Frames per second; written with three decimals.
    public var frameRate: Double?
    /// The group of audio renditions that belongs to the variant.
    public var audioGroup: String?
    /// The group of subtitles that belongs to the variant.
    public var subtitlesGroup: String?

    public init(
        uri: String, bandwidth: Int, averageBandwidth: Int? = nil, codecs: [String] = [],
        resolution: PictureSize? = nil, frameRate: Double? = nil, audioGroup: String? = nil,
        subtitlesGroup: String? = nil
    ) {
        self.uri = uri
        self.bandwidth = bandwidth
        self.averageBandwidth = averageBandwidth
        self.codecs = codecs
        self.resolution = resolution
        self.frameRate = frameRate
        self.audioGroup = audioGroup
        self.subtitlesGroup = subtitlesGroup
    }
}

/// A playlist of nothing but I frames, for fast winding (EXT-X-I-FRAME-STREAM-INF, section 4.3.4.3).
public struct IFrameVariant: Sendable, Equatable {
    public var uri: String
    /// The peak rate of the I frames' byte ranges, in bits per second.
    public var bandwidth: Int
    public var averageBandwidth: Int?
    public var codecs: [String]
    public var resolution: PictureSize?

    public init(
        uri: String, bandwidth: Int, averageBandwidth: Int? = nil, codecs: [String] = [],
        resolution: PictureSize? = nil
    ) {
        self.uri = uri
        self.bandwidth = bandwidth
        self.averageBandwidth = averageBandwidth
        self.codecs = codecs
        self.resolution = resolution
    }
}

/// A picture's width and height in square pixels.
public struct PictureSize: Sendable, Hashable, CustomStringConvertible {
    public var width: Int
    public var height: Int

    public init(width: Int, height: Int) {
        self.width = width
        self.height = height
    }

    /// `854x480`, as RESOLUTION is written.
    public var description: String { "\(width)x\(height)" }
}
