// SPDX-License-Identifier: Apache-2.0

/// What an initialization section says of one track.
struct TrackFacts {
    enum Kind {
        case video, audio, subtitles, other
    }

    var identifier = 0
    var kind = Kind.other
    /// Units of a second; 1 at least.
    var timescale = 1
    /// The type of the first sample entry, such as `avc1`.
    var entry = ""
    /// The entry of CODECS (RFC 6381); nil when only the type of the sample entry is known.
    var codec: String?
    /// Of the sample entry.
    var size: PictureSize?
    /// The first sequence parameter set of H.264.
    var sequence: SequenceParameterSet?
    /// Bytes of the length before each NAL unit; nil where there are none.
    var lengthBytes: Int?
    /// Profile, level and tier of HEVC.
    var hevc: HEVCConfiguration?
    var audio: AudioConfiguration?
    /// From `colr`, or else from the sequence parameter set.
    var colour: ColourDescription?
    /// The media time at which the presentation begins, in units of the track, and the empty time before, in seconds.
    var editStart = 0
    var editDelaySeconds = 0.0
    var hasLoudness = false
    var isProtected = false
    /// From `trex`.
    var defaults = SampleDefaults()

    /// Square pixels of the picture as shown.
    var displaySize: PictureSize? {
        guard let sequence else { return size }
        let (width, height) = (sequence.width, sequence.height)
        guard let aspect = sequence.pixelAspect, aspect.width != aspect.height else {
            return PictureSize(width: width, height: height)
        }
        return PictureSize(width: (width * aspect.width + aspect.height / 2) / aspect.height, height: height)
    }

    /// A CODECS entry names the samples of this track.
    func isNamed(by declared: String) -> Bool {
        let declared = declared.lowercased()
        if let codec { return declared == codec.lowercased() }
        return declared == entry.lowercased() || declared.hasPrefix(entry.lowercased() + ".")
    }
}

/// What a fragment's samples have when it does not say otherwise (ISO/IEC 14496-12 sections 8.8.3 and 8.8.7).
struct SampleDefaults {
    var duration = 0
    var size = 0
    var flags = 0
}

/// Code points of ITU-T H.273.
struct ColourDescription: Hashable {
    var primaries: Int
    var transfer: Int
    var matrix: Int

    /// VIDEO-RANGE that the transfer function stands for.
    var videoRange: String {
        switch transfer {
        case 16: "PQ"
        case 18: "HLG"
        default: "SDR"
        }
    }
}
