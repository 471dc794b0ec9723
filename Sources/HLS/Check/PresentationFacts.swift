// SPDX-License-Identifier: Apache-2.0

/// All that is known of a presentation when everything was read.
struct PresentationFacts {
    let root: String
    let multivariant: MultivariantFacts?
    let renditions: [RenditionFacts]
    private let byAddress: [String: Int]

    init(root: String, multivariant: MultivariantFacts?, renditions: [RenditionFacts]) {
        self.root = root
        self.multivariant = multivariant
        self.renditions = renditions
        byAddress = Dictionary(
            renditions.enumerated().map { ($1.reference, $0) }, uniquingKeysWith: { first, _ in first })
    }

    /// The rendition that a URI of the multivariant playlist names.
    func rendition(_ uri: String?) -> RenditionFacts? {
        guard let uri, let multivariant else { return nil }
        return byAddress[Address.resolve(uri, against: multivariant.address)].map { renditions[$0] }
    }

    /// The members of a variant's group that have a playlist of their own.
    func group(_ kind: Rendition.Kind, of stream: MultivariantFacts.Stream) -> [RenditionFacts] {
        (multivariant?.members(kind, group: stream.groups[kind]) ?? []).compactMap { rendition($0.uri) }
    }

    /// Renditions of video that are played as a whole: those of variants, and alternative ones.
    var videos: [RenditionFacts] { renditions.filter { $0.role == .variant && ($0.video != nil || $0.isTransport) } }
    /// All but subtitles and I frames.
    var played: [RenditionFacts] { renditions.filter { $0.role == .variant || $0.role == .audio } }

    /// The length of a frame of the first video, or of the first sound, in seconds.
    var frameSeconds: Double {
        videos.lazy.map(\.sampleSecondsMax).first { $0 > 0 } ?? played.lazy.map(\.sampleSecondsMax).first { $0 > 0 }
            ?? 0
    }
}

extension RenditionFacts {
    var isTransport: Bool { segments.contains { $0.format == .transportStream } }
}
