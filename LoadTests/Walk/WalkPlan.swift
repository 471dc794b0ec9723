// SPDX-License-Identifier: Apache-2.0

/// How viewers walk: what there is to see, and how long everybody waits.
struct WalkPlan: Sendable {
    let viewers: Int
    let segments: Int
    let segmentBytes: Int
    let originMilliseconds: Int
    let thinkMilliseconds: Int

    /// The folder of a viewer's video; nobody else watches it.
    func folder(_ viewer: Int) -> String { "/v/walk\(viewer)/720p/" }

    func segmentPath(_ viewer: Int, _ segment: Int) -> String { folder(viewer) + "\(segment).m4s" }

    func playlistPath(_ viewer: Int) -> String { folder(viewer) + "index.m3u8" }

    /// The playlist of every video.
    var playlist: String {
        let segments = (0..<segments).map { "#EXTINF:4,\n\($0).m4s\n" }.joined()
        return "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:4\n\(segments)#EXT-X-ENDLIST\n"
    }
}
