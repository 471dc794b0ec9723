// SPDX-License-Identifier: Apache-2.0
//
// A state machine without I/O. Its owner asks `next()` for what to read, reads it, and gives it back by `receive`, until
// there is nothing more; `report()` then judges the whole. Of a segment only the facts are kept, never the bytes.

/// Checks one presentation: a multivariant playlist with all that it names, or a single media playlist.
public struct PresentationCheck: Sendable {
    private enum Work {
        case root
        case playlist(Int)
        case map(Int, MediaFacts.Map)
        case key(Int, String)
        case segment(Int, Int)
    }

    private let root: String
    private let limits: CheckLimits
    private var findings = FindingList()
    private var multivariant: MultivariantFacts?
    private var renditions: [RenditionFacts] = []
    /// Initialization sections that were read, by address and range; I-frame playlists share those of their video.
    private var initializations: [Resource: InitializationFacts?] = [:]
    private var work: [Work] = [.root]
    private var position = 0
    private var hasNotedTransport = false

    private struct Resource: Hashable {
        var address: String
        var range: Range<Int>?
    }

    /// `root` is the address of the playlist to start with: a URL, or a path that begins with `/`.
    public init(root: String, limits: CheckLimits = CheckLimits()) {
        self.root = root
        self.limits = limits
    }

    /// How far it is: resources read, and those known of.
    public var progress: (done: Int, known: Int) { (position, work.count) }

    /// What to read next; nil when all is read. Asking again without `receive` gives the same.
    public func next() -> CheckRequest? {
        guard position < work.count else { return nil }
        switch work[position] {
        case .root: return request(.playlist, root)
        case .playlist(let index): return request(.playlist, renditions[index].address)
        case .map(let index, let map): return request(.initialization, resolve(map.uri, index), map.range)
        case .key(let index, let uri): return request(.key, resolve(uri, index))
        case .segment(let index, let number):
            guard let entry = renditions[index].media?.entries[number] else { return nil }
            return request(.segment, resolve(entry.segment.uri, index), entry.range)
        }
    }

    private func request(_ kind: CheckRequest.Kind, _ address: String, _ range: Range<Int>? = nil) -> CheckRequest {
        let bytesMax =
            switch kind {
            case .playlist: limits.playlistBytesMax
            case .key: 1 << 10
            case .initialization, .segment: limits.segmentBytesMax
            }
        return CheckRequest(kind: kind, address: address, range: range, bytesMax: bytesMax)
    }

    private func resolve(_ uri: String, _ rendition: Int) -> String {
        Address.resolve(uri, against: renditions[rendition].address)
    }

    /// Takes what came of `next()`.
    public mutating func receive(_ response: CheckResponse) {
        guard position < work.count, let request = next() else { return }
        let item = work[position]
        position += 1
        let place = Address.place(request.address, root: root)
        switch response {
        case .failure(let reason):
            findings.add(.available, place, "it can not be read: \(FindingList.shown(reason))")
        case .content(let bytes, let delivery):
            if let delivery { DeliveryRules.check(delivery, request, place, bytes, &hasNotedTransport, &findings) }
            if request.kind == .playlist { checkName(request, delivery, place) }
            take(item, bytes, place, delivery?.address ?? request.address)
        }
    }

    /// The playlist to start with could be read.
    public var hasRoot: Bool { multivariant != nil || renditions.first?.media != nil }

    private mutating func checkName(_ request: CheckRequest, _ delivery: Delivery?, _ place: String) {
        if Address.hasExtension(request.address, ["m3u8", "m3u"]) { return }
        if let type = delivery?.contentType, DeliveryRules.playlistTypes.contains(type) { return }
        findings.add(.name, place, "neither the name nor a media type tells that it is a playlist")
    }

    private mutating func take(_ item: Work, _ bytes: [UInt8], _ place: String, _ address: String) {
        switch item {
        case .root: takeRoot(bytes, place, address)
        case .playlist(let index):
            guard let text = PlaylistText(bytes, place: place, into: &findings) else { return }
            guard text.kind == .media else {
                findings.add(.mixedTags, place, "a multivariant playlist stands where a media playlist should")
                return
            }
            renditions[index].address = address
            takeMedia(text, index)
        case .map(let index, let map):
            let facts = InitializationFacts.read(bytes, place: place, into: &findings)
            initializations[Resource(address: resolve(map.uri, index), range: map.range)] = facts
            if let facts { renditions[index].initializations[map] = facts }
        case .key:
            if bytes.count != 16 { findings.add(.keyFile, place, "the key has \(bytes.count) bytes") }
        case .segment(let index, let number): takeSegment(bytes, index, number, place)
        }
    }

    private mutating func takeRoot(_ bytes: [UInt8], _ place: String, _ address: String) {
        guard let text = PlaylistText(bytes, place: place, into: &findings) else { return }
        if text.kind == .media {
            renditions = [RenditionFacts(role: .variant, reference: root, address: address, place: place)]
            return takeMedia(text, 0)
        }
        var facts = MultivariantReader.read(text, place: place, limits: limits, into: &findings)
        facts.address = address
        multivariant = facts
        for stream in facts.streams { add(stream.isIFrames ? .iFrames : .variant, stream.uri, base: address) }
        for member in facts.members {
            guard let uri = member.uri else { continue }
            switch member.kind {
            case .audio: add(.audio, uri, base: address)
            case .video: add(.variant, uri, base: address)
            case .subtitles: add(.subtitles, uri, base: address)
            case .closedCaptions: break
            }
        }
    }

    private mutating func add(_ role: RenditionFacts.Role, _ uri: String, base: String) {
        let address = Address.resolve(uri, against: base)
        guard !renditions.contains(where: { $0.reference == address }) else { return }
        let place = Address.place(address, root: root)
        renditions.append(RenditionFacts(role: role, reference: address, address: address, place: place))
        work.append(.playlist(renditions.count - 1))
    }

    private mutating func takeMedia(_ text: PlaylistText, _ index: Int) {
        let media = MediaReader.read(text, place: renditions[index].place, limits: limits, into: &findings)
        renditions[index].media = media
        renditions[index].segments = Array(repeating: RenditionFacts.Segment(), count: media.entries.count)
        var maps: Set<MediaFacts.Map> = []
        for entry in media.entries {
            guard let map = entry.map, maps.insert(map).inserted, !map.isEncrypted else { continue }
            work.append(.map(index, map))
        }
        for uri in media.keys { work.append(.key(index, uri)) }
        for number in media.entries.indices { work.append(.segment(index, number)) }
    }
}

extension PresentationCheck {
    private mutating func takeSegment(_ bytes: [UInt8], _ index: Int, _ number: Int, _ place: String) {
        guard let media = renditions[index].media else { return }
        let entry = media.entries[number]
        var segment = RenditionFacts.Segment(bytes: bytes.count, isRead: true)
        var place = place
        if let range = entry.range {
            place += " bytes \(range.lowerBound)-\(range.upperBound - 1)"
            if bytes.count != range.count {
                findings.add(.available, place, "only \(bytes.count) of \(range.count) bytes are there")
                segment.isRead = false
            }
        }
        let reader = SegmentReader(
            bytes: bytes, place: place, entry: entry, initialization: entry.map.flatMap { initialization($0, index) },
            isIFrame: media.iFramesOnly, limits: limits)
        reader.read(into: &segment, &findings)
        renditions[index].segments[number] = segment
    }

    private mutating func initialization(_ map: MediaFacts.Map, _ index: Int) -> InitializationFacts? {
        if let known = renditions[index].initializations[map] { return known }
        guard let facts = initializations[Resource(address: resolve(map.uri, index), range: map.range)] ?? nil else {
            return nil
        }
        renditions[index].initializations[map] = facts
        return facts
    }

    /// Judges all that was read.
    public func report() -> CheckReport {
        var findings = findings
        for rendition in renditions { RenditionRules.check(rendition, into: &findings) }
        let presentation = PresentationFacts(root: root, multivariant: multivariant, renditions: renditions)
        if let multivariant { MultivariantRules.check(multivariant, into: &findings) }
        presentation.checkMatches(into: &findings)
        presentation.checkVariants(into: &findings)
        presentation.checkLadder(into: &findings)
        presentation.checkTrickPlay(into: &findings)
        presentation.checkSubtitles(into: &findings)
        return CheckReport(findings: findings.sorted(), renditions: presentation.summaries())
    }
}
