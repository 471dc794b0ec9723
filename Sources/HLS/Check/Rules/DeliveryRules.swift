// SPDX-License-Identifier: Apache-2.0

/// What a server has to do (Apple's section 10 and rule 8.18).
enum DeliveryRules {
    static let playlistTypes: Set = ["application/vnd.apple.mpegurl", "audio/mpegurl"]
    private static let initializationTypes: Set = ["video/mp4", "audio/mp4", "application/mp4"]
    private static let fragmentTypes: Set = ["video/iso.segment", "video/mp4", "audio/mp4", "application/mp4"]
    private static let textTypes: Set = ["text/vtt", "text/plain"]

    static func check(
        _ delivery: Delivery, _ request: CheckRequest, _ place: String, _ bytes: [UInt8],
        _ hasNotedTransport: inout Bool, _ findings: inout FindingList
    ) {
        if delivery.redirects > 0 {
            findings.add(.redirects, place, "it is behind \(delivery.redirects) redirects")
        }
        if !hasNotedTransport, !delivery.address.lowercased().hasPrefix("https:") {
            hasNotedTransport = true
            findings.add(.transportSecurity, place, "it is delivered without TLS")
        }
        if request.kind == .playlist, delivery.contentEncoding?.lowercased() != "gzip" {
            findings.add(.gzip, place, "the playlist is sent without gzip to a client that asks for it")
        }
        let allowed = types(request.kind, bytes)
        guard !allowed.isEmpty else { return }
        if let type = delivery.contentType, allowed.contains(type) { return }
        let given = delivery.contentType.map { "is \(FindingList.shown($0))" } ?? "is missing"
        findings.add(
            .mimeTypes, place, "the media type \(given), recommended: \(allowed.sorted().joined(separator: ", "))")
    }

    private static func types(_ kind: CheckRequest.Kind, _ bytes: [UInt8]) -> Set<String> {
        switch kind {
        case .playlist: return playlistTypes
        case .initialization: return initializationTypes
        case .key: return []
        case .segment:
            if bytes.starts(with: "WEBVTT".utf8) { return textTypes }
            if bytes.first == 0x47 { return ["video/mp2t"] }
            let type = mp4Boxes(in: bytes, lastMayBeCut: true)?.first?.type
            return ["styp", "moof", "sidx", "ftyp", "prft", "emsg"].contains(type ?? "") ? fragmentTypes : []
        }
    }
}
