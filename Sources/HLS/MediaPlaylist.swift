// SPDX-License-Identifier: Apache-2.0

/// A media playlist: the segments of one rendition (RFC 8216 section 4.3.3).
public struct MediaPlaylist: Sendable, Equatable {
    /// The value of EXT-X-PLAYLIST-TYPE (section 4.3.3.5).
    public enum Kind: String, Sendable {
        case vod = "VOD"
        case event = "EVENT"
    }

    /// EXT-X-VERSION; 1 when the playlist has none.
    public var version: Int
    /// EXT-X-TARGETDURATION in whole seconds.
    public var targetDurationSeconds: Int
    /// The number of the first segment.
    public var mediaSequence: Int
    /// Nil for a playlist that may change in any way.
    public var kind: Kind?
    /// Every segment can be decoded without another (EXT-X-INDEPENDENT-SEGMENTS).
    public var independentSegments: Bool
    /// Every segment is one I frame (EXT-X-I-FRAMES-ONLY).
    public var iFramesOnly: Bool
    public var segments: [MediaSegment]
    /// No segment will be added (EXT-X-ENDLIST).
    public var isComplete: Bool
    /// Where a player should start, in seconds from the beginning (EXT-X-START, section 4.3.5.2); nil: where it likes,
    /// which is near the end of a playlist that grows.
    public var startSeconds: Double?

    public init(
        version: Int = 7, targetDurationSeconds: Int, mediaSequence: Int = 0, kind: Kind? = .vod,
        independentSegments: Bool = true, iFramesOnly: Bool = false, segments: [MediaSegment] = [],
        isComplete: Bool = true, startSeconds: Double? = nil
    ) {
        self.version = version
        self.targetDurationSeconds = targetDurationSeconds
        self.mediaSequence = mediaSequence
        self.kind = kind
        self.independentSegments = independentSegments
        self.iFramesOnly = iFramesOnly
        self.segments = segments
        self.isComplete = isComplete
        self.startSeconds = startSeconds
    }

    /// The sum of the segments' durations in seconds.
    public var durationSeconds: Double { segments.reduce(0) { $0 + $1.durationSeconds } }
}

/// One media segment with what applies to it (RFC 8216 section 4.3.2).
public struct MediaSegment: Sendable, Equatable {
    public var uri: String
    /// EXTINF in seconds; written with microseconds.
    public var durationSeconds: Double
    /// The part of the resource that is the segment; nil for all of it.
    public var byteRange: ByteRange?
    /// The initialization section in force (EXT-X-MAP).
    public var map: InitializationSection?
    /// The encryption in force (EXT-X-KEY); nil for none.
    public var key: EncryptionKey?
    /// The segment does not continue the one before it (EXT-X-DISCONTINUITY).
    public var isDiscontinuous: Bool

    public init(
        uri: String, durationSeconds: Double, byteRange: ByteRange? = nil, map: InitializationSection? = nil,
        key: EncryptionKey? = nil, isDiscontinuous: Bool = false
    ) {
        self.uri = uri
        self.durationSeconds = durationSeconds
        self.byteRange = byteRange
        self.map = map
        self.key = key
        self.isDiscontinuous = isDiscontinuous
    }
}

/// A range of bytes of a resource: `length[@offset]` (section 4.3.2.2).
public struct ByteRange: Sendable, Equatable {
    public var length: Int
    /// Nil: right behind the range of the segment before.
    public var offset: Int?

    public init(length: Int, offset: Int? = nil) {
        self.length = length
        self.offset = offset
    }
}

/// The bytes that a player needs before any segment: for fragmented MP4 `ftyp` and `moov` (section 4.3.2.5).
public struct InitializationSection: Sendable, Equatable {
    public var uri: String
    public var byteRange: ByteRange?

    public init(uri: String, byteRange: ByteRange? = nil) {
        self.uri = uri
        self.byteRange = byteRange
    }
}

/// How segments are encrypted (section 4.3.2.4).
public struct EncryptionKey: Sendable, Equatable {
    public enum Method: String, Sendable {
        case aes128 = "AES-128"
        case sampleAES = "SAMPLE-AES"
    }

    public var method: Method
    public var uri: String
    /// The initialization vector as it is written, `0x` and up to 32 hexadecimal digits; nil for the media sequence number.
    public var initializationVector: String?

    public init(method: Method, uri: String, initializationVector: String? = nil) {
        self.method = method
        self.uri = uri
        self.initializationVector = initializationVector
    }
}
