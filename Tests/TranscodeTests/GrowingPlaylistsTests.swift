// SPDX-License-Identifier: Apache-2.0

import HLS
import Testing

@testable import Transcode

/// The playlists of a video in work, step by step.
@Suite struct GrowingPlaylistsTests {
    let folder: String
    let playlists: GrowingPlaylists

    init() throws {
        folder = try TestFiles.folder()
        for name in ["240p", "720p", "audio"] { try makeFolder("\(folder)/\(name)") }
        playlists = GrowingPlaylists(folder: folder, rungs: ["240p", "720p"], hasSound: true)
        for name in ["240p", "720p", "audio"] { playlists.take(.rendition(Self.header(name))) }
    }

    static func header(_ name: String) -> RenditionOutput {
        let isAudio = name == "audio"
        return RenditionOutput(
            kind: isAudio ? .audio : .video, name: name, codecs: isAudio ? "mp4a.40.2" : "avc1.64001f",
            width: isAudio ? 0 : 320,
            height: isAudio ? 0 : 180, framesPerSecond: isAudio ? 0 : 25, segments: [], bitsPerSecondBound: 100_000)
    }

    static func segment(_ number: Int, bytes: Int = 1000) -> SegmentFile {
        SegmentFile(name: "\(number).m4s", bytes: bytes, durationSeconds: 6)
    }

    func announce(_ name: String, _ numbers: Int...) {
        for number in numbers { playlists.take(.segment(rendition: name, Self.segment(number))) }
    }

    /// The URIs of the multivariant playlist's variants; nil while there is none.
    func variants() throws -> [String]? {
        guard let bytes = try? TestFiles.read("\(folder)/master.m3u8"),
            case .multivariant(let playlist) = try Playlist.parse(bytes)
        else { return nil }
        // Beside the pictures the sound alone may be a variant.
        return playlist.variants.filter { $0.resolution != nil }.map(\.uri).sorted()
    }

    /// A rendition's playlist; nil while there is none.
    func media(_ name: String) throws -> MediaPlaylist? {
        guard let bytes = try? TestFiles.read("\(folder)/\(name)/index.m3u8"),
            case .media(let playlist) = try Playlist.parse(bytes)
        else { return nil }
        return playlist
    }

    @Test func nothingIsAnnouncedBeforeTheLowestRungAndTheSoundHaveASegmentEach() throws {
        announce("240p", 0, 1)
        announce("720p", 0)
        #expect(try variants() == nil && media("240p") == nil)
        announce("audio", 0)
        // 720p has what the sound has.
        #expect(try variants() == ["240p/index.m3u8", "720p/index.m3u8"])
        #expect(try media("240p")?.segments.count == 2)
        let sound = try #require(try media("audio"))
        #expect(sound.kind == .event && !sound.isComplete && sound.segments.count == 1)
    }

    @Test func aRungJoinsWhenItHasAllThatIsAnnounced() throws {
        announce("audio", 0, 1, 2, 3)
        announce("240p", 0, 1, 2)
        #expect(try variants() == ["240p/index.m3u8"])
        announce("720p", 0, 1)
        #expect(try variants() == ["240p/index.m3u8"] && media("720p") == nil)
        announce("720p", 2)
        #expect(try variants() == ["240p/index.m3u8", "720p/index.m3u8"])
        #expect(try media("720p")?.segments.count == 3)
        announce("720p", 3)
        #expect(try media("720p")?.segments.count == 4 && media("240p")?.segments.count == 3)
    }

    @Test func aSegmentBehindAGapIsShownWhenTheGapIsClosed() throws {
        announce("audio", 0)
        announce("240p", 0, 2, 3)
        #expect(try media("240p")?.segments.map(\.uri) == ["0.m4s"])
        announce("240p", 1)
        #expect(try media("240p")?.segments.map(\.uri) == ["0.m4s", "1.m4s", "2.m4s", "3.m4s"])
        // A second try of a part tells of the same segments.
        announce("240p", 1, 2)
        #expect(try media("240p")?.segments.count == 4)
    }

    @Test func theBandwidthIsTheBoundUntilItCanBeMeasured() throws {
        announce("audio", 0)
        announce("240p", 0)
        guard case .multivariant(let early) = try Playlist.parse(try TestFiles.read("\(folder)/master.m3u8")) else {
            Issue.record("no playlist")
            return
        }
        // The sound alone is for lines that are too thin for that.
        #expect(early.variants.map(\.bandwidth) == [200_000, 100_000])
        var rung = Self.header("240p")
        rung.segments = [Self.segment(0)]
        var sound = Self.header("audio")
        sound.segments = [Self.segment(0)]
        try playlists.finish([rung, sound])
        guard case .multivariant(let final) = try Playlist.parse(try TestFiles.read("\(folder)/master.m3u8")) else {
            Issue.record("no playlist")
            return
        }
        // 1000 bytes in 6 s, twice.
        #expect(final.variants.map(\.bandwidth) == [2668])
        let media = try #require(try media("240p"))
        #expect(media.kind == .vod && media.isComplete)
        // What comes late changes nothing.
        announce("240p", 1)
        #expect(try self.media("240p")?.segments.count == 1)
    }

    @Test func aPlaylistThatCanNotBeWrittenFailsTheVideo() throws {
        let playlists = GrowingPlaylists(folder: folder + "/missing", rungs: ["240p"], hasSound: false)
        playlists.take(.rendition(Self.header("240p")))
        playlists.take(.segment(rendition: "240p", Self.segment(0)))
        #expect(throws: MediaError.self) { try playlists.finish([]) }
    }
}
