// SPDX-License-Identifier: Apache-2.0

/// What came of a check.
public struct CheckReport: Sendable {
    /// By severity.
    public var findings: [Finding]
    public var renditions: [RenditionSummary]

    /// No MUST is broken.
    public var isConformant: Bool { !findings.contains { $0.severity == .must } }

    public func count(_ severity: Finding.Severity) -> Int { findings.count { $0.severity == severity } }
}

/// One rendition beside what the multivariant playlist says of it.
public struct RenditionSummary: Sendable, Equatable {
    public var place: String
    /// `video`, `audio`, `subtitles` or `I frames`.
    public var kind: String
    /// Bits per second, with the largest renditions of its groups; nil where nothing declares them.
    public var declaredBandwidth: Int?
    public var declaredAverageBandwidth: Int?
    /// Nil when not every segment could be read. Of a rendition without a declaration: its own.
    public var measuredBandwidth: Int?
    public var measuredAverageBandwidth: Int?
    /// The samples that were found.
    public var codecs: [String]
    public var resolution: PictureSize?
    public var framesPerSecond: Double?
    public var segments: Int
    public var seconds: Double
}

extension PresentationFacts {
    func summaries() -> [RenditionSummary] {
        renditions.map { rendition in
            let stream = multivariant?.streams.first { self.rendition($0.uri)?.reference == rendition.reference }
            let rates =
                stream.map { self.rates($0) }
                ?? (rendition.isMeasured
                    ? MeasuredRates(peak: rendition.peakBitsPerSecond, average: rendition.averageBitsPerSecond) : nil)
            return RenditionSummary(
                place: rendition.place, kind: Self.kind(rendition), declaredBandwidth: stream?.bandwidth,
                declaredAverageBandwidth: stream?.averageBandwidth, measuredBandwidth: rates?.peak,
                measuredAverageBandwidth: rates?.average, codecs: Self.codecs(rendition),
                resolution: rendition.video?.displaySize,
                framesPerSecond: rendition.role == .variant && rendition.video != nil ? rendition.framesPerSecond : nil,
                segments: rendition.segments.count, seconds: rendition.media?.durationSeconds ?? 0)
        }
    }

    private static func kind(_ rendition: RenditionFacts) -> String {
        switch rendition.role {
        case .variant: rendition.video == nil && rendition.audio != nil ? "audio" : "video"
        case .audio: "audio"
        case .subtitles: "subtitles"
        case .iFrames: "I frames"
        }
    }

    private static func codecs(_ rendition: RenditionFacts) -> [String] {
        rendition.isText ? ["wvtt"] : rendition.tracks.map { FindingList.shown($0.codec ?? $0.entry) }
    }
}
