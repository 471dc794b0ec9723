// SPDX-License-Identifier: Apache-2.0

import Fuzzing
import HLS
import Testing

@testable import Edge

/// The paths behind `path`, as text.
private func following(_ sequence: SegmentSequence?, _ path: String, _ count: Int = 1) -> [String]? {
    let path = Array(path.utf8)
    return path.withUnsafeBytes { sequence?.following($0, count: count) }?.map { String(decoding: $0, as: UTF8.self) }
}

private func sequence(_ uris: [String], at path: String = "/v/a/720p/index.m3u8", isComplete: Bool = true)
    -> SegmentSequence?
{
    var playlist = MediaPlaylist(targetDurationSeconds: 4, isComplete: isComplete)
    playlist.segments = uris.map { MediaSegment(uri: $0, durationSeconds: 4) }
    return SegmentSequence(playlist, path: Array(path.utf8))
}

@Suite struct PlainPathTests {
    private func resolve(_ reference: String, from base: String = "/v/a/3.m4s") -> String? {
        PlainPath.resolve(Array(reference.utf8), from: Array(base.utf8)).map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func aReferenceIsAPathOnThisSite() {
        #expect(resolve("4.m4s") == "/v/a/4.m4s")
        #expect(resolve("/v/b/4.m4s") == "/v/b/4.m4s")
        #expect(resolve("b/4.m4s") == "/v/a/b/4.m4s")
    }

    @Test(arguments: [
        "", "3.m4s", "../b/4.m4s", "./4.m4s", "b/../4.m4s", "%2e%2e/4.m4s", "//host/4.m4s", "http://host/4.m4s",
        "4.m4s?a=b", "4.m4s#a", "b/", "/", "4 .m4s", "4.m4s\r\nx", "b\\4.m4s", ".hidden", "é.m4s",
    ])
    func anythingElseIsNone(reference: String) {
        #expect(resolve(reference) == nil)
    }

    @Test func siblingsLieInOneFolder() {
        func areSiblings(_ one: String, _ other: String) -> Bool {
            PlainPath.areSiblings(Array(one.utf8), Array(other.utf8))
        }
        #expect(areSiblings("/v/a/3.m4s", "/v/a/4.m4s"))
        #expect(areSiblings("/3", "/4"))
        #expect(!areSiblings("/v/a/3.m4s", "/v/b/3.m4s"))
        #expect(!areSiblings("/v/a/3.m4s", "/v/a/b/3.m4s"))
        #expect(!areSiblings("/v/a/3.m4s", "/v/ab"))
    }
}

@Suite struct SegmentSequenceTests {
    @Test func theNextSegmentsFollow() {
        let sequence = sequence(["0.m4s", "1.m4s", "10.m4s", "2.m4s"])
        #expect(following(sequence, "/v/a/720p/0.m4s") == ["/v/a/720p/1.m4s"])
        #expect(following(sequence, "/v/a/720p/1.m4s", 2) == ["/v/a/720p/10.m4s", "/v/a/720p/2.m4s"])
        #expect(following(sequence, "/v/a/720p/10.m4s", 4) == ["/v/a/720p/2.m4s"])
        #expect(following(sequence, "/v/a/720p/2.m4s") == [])
    }

    @Test func whatThePlaylistDoesNotNameIsUnknown() {
        let sequence = sequence(["0.m4s", "1.m4s"])
        for path in ["/v/a/720p/7.m4s", "/v/a/480p/0.m4s", "/v/a/720p/", "/v/a/720p/0.m4", "/", ""] {
            #expect(following(sequence, path) == nil)
        }
    }

    @Test func segmentsMayLieInAFolderOfTheirOwn() {
        let sequence = sequence(["media/0.m4s", "/v/a/720p/media/1.m4s", "/ads/0.m4s", "media/2.m4s"])
        #expect(following(sequence, "/v/a/720p/media/0.m4s") == ["/v/a/720p/media/1.m4s"])
        // What lies elsewhere is passed over.
        #expect(following(sequence, "/v/a/720p/media/1.m4s") == ["/v/a/720p/media/2.m4s"])
        #expect(following(sequence, "/ads/0.m4s") == nil)
    }

    @Test func aPlaylistWithoutUsableSegmentsIsNone() {
        #expect(sequence([]) == nil)
        #expect(sequence(["https://host/0.m4s", "../0.m4s", "0.m4s?x=1"]) == nil)
        var ranges = MediaPlaylist(targetDurationSeconds: 4)
        ranges.segments = (0..<3).map {
            MediaSegment(uri: "all.mp4", durationSeconds: 4, byteRange: ByteRange(length: 10, offset: 10 * $0))
        }
        #expect(SegmentSequence(ranges, path: Array("/v/index.m3u8".utf8)) == nil)
        #expect(sequence((0...SegmentSequence.segmentsMax).map { "\($0)" }) == nil)
    }

    @Test func aSegmentNamedTwiceIsFollowedByWhatComesFirst() {
        let sequence = sequence(["a", "b", "a", "c"])
        #expect(following(sequence, "/v/a/720p/a") == ["/v/a/720p/b"])
    }
}

@Suite struct PlaylistShelfTests {
    private func following(_ shelf: inout PlaylistShelf, _ path: String) -> PlaylistShelf.Following? {
        Array(path.utf8).withUnsafeBytes { shelf.following($0, count: 1) }
    }

    private func paths(_ shelf: inout PlaylistShelf, _ path: String) -> [String]? {
        following(&shelf, path)?.paths.map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func theNewestPlaylistOfAPathCounts() throws {
        var shelf = PlaylistShelf(playlistsMax: 10, bytesMax: 1 << 20)
        shelf.keep(try #require(sequence(["3", "4"], at: "/l/i.m3u8", isComplete: false)))
        #expect(following(&shelf, "/l/4") == .init(paths: [], mayGrow: true))
        shelf.keep(try #require(sequence(["4", "5"], at: "/l/i.m3u8", isComplete: true)))
        #expect(paths(&shelf, "/l/4") == ["/l/5"])
        #expect(following(&shelf, "/l/5") == .init(paths: [], mayGrow: false))
        #expect(following(&shelf, "/l/3") == nil)
        #expect(shelf.count == 1)
    }

    @Test func playlistsWithSegmentsInOneFolderStandSideBySide() throws {
        var shelf = PlaylistShelf(playlistsMax: 10, bytesMax: 1 << 20)
        shelf.keep(try #require(sequence(["low0", "low1"], at: "/v/low.m3u8")))
        shelf.keep(try #require(sequence(["high0", "high1"], at: "/v/high.m3u8")))
        #expect(paths(&shelf, "/v/low0") == ["/v/low1"])
        #expect(paths(&shelf, "/v/high0") == ["/v/high1"])
    }

    @Test func thePlaylistsOfASiteAreItsOwn() throws {
        var shelf = PlaylistShelf(playlistsMax: 10, bytesMax: 1 << 20)
        let (one, two) = (Array("one".utf8), Array("two".utf8))
        shelf.keep(try #require(sequence(["0", "1"], at: "/v/i.m3u8")), scope: one)
        shelf.keep(try #require(sequence(["0", "2"], at: "/v/i.m3u8")), scope: two)
        #expect(shelf.count == 2)
        func next(_ scope: [UInt8]) -> [String]? {
            let found = Array("/v/0".utf8).withUnsafeBytes { shelf.following($0, count: 1, scope: scope) }
            return found?.paths.map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(next(one) == ["/v/1"])
        #expect(next(two) == ["/v/2"])
        #expect(next([]) == nil)
    }

    @Test func whatWasOfNoUseForLongestLeaves() throws {
        var shelf = PlaylistShelf(playlistsMax: 3, bytesMax: 1 << 20)
        for index in 0..<3 { shelf.keep(try #require(sequence(["0", "1"], at: "/\(index)/i.m3u8"))) }
        #expect(paths(&shelf, "/0/0") == ["/0/1"])
        shelf.keep(try #require(sequence(["0", "1"], at: "/3/i.m3u8")))
        #expect(shelf.count == 3)
        #expect(paths(&shelf, "/1/0") == nil)
        #expect(paths(&shelf, "/0/0") != nil)
    }

    @Test func theBytesHaveALimit() throws {
        let cost = try #require(sequence(["0", "1"], at: "/10/i.m3u8")).costBytes
        var shelf = PlaylistShelf(playlistsMax: 1000, bytesMax: 5 * cost)
        for index in 10..<99 {
            shelf.keep(try #require(sequence(["0", "1"], at: "/\(index)/i.m3u8")))
            #expect(shelf.costBytes <= 5 * cost)
        }
        #expect(shelf.count == 5)
        shelf.keep(try #require(sequence((0..<5000).map { "\($0)" }, at: "/large/i.m3u8")))
        #expect(shelf.count == 5 && paths(&shelf, "/large/0") == nil)
    }
}

/// Damaged playlists, read as the edge does it.
@Suite struct SegmentSequenceFuzzTests {
    @Test func whatFollowsIsAPlainSibling() {
        let text = """
            #EXTM3U
            #EXT-X-TARGETDURATION:4
            #EXT-X-MAP:URI="init.mp4"
            #EXTINF:4,
            0.m4s
            #EXTINF:4,
            /v/a/1.m4s
            #EXTINF:4,
            #EXT-X-BYTERANGE:10@0
            2.m4s
            #EXTINF:4,
            sub/3.m4s
            #EXT-X-ENDLIST

            """
        let words = ["\n#EXTINF:4,\n", "/", "..", "//", "%2f", "?", "http://h/", ".m4s", "#EXT-X-ENDLIST\n"]
        let path = Array("/v/a/index.m3u8".utf8)
        var found = 0
        let problem = Fuzzer(corpus: [Array(text.utf8)], words: words).run(iterations: 6_000) { input, _ in
            guard case .media(let playlist)? = try? Playlist.parse(input),
                let sequence = SegmentSequence(playlist, path: path)
            else { return nil }
            for segment in playlist.segments {
                guard let from = PlainPath.resolve(Array(segment.uri.utf8), from: path) else { continue }
                for next in from.withUnsafeBytes({ sequence.following($0, count: 4) }) ?? [] {
                    found += 1
                    guard PlainPath.areSiblings(from, next), next.withUnsafeBytes({ PlainPath.isPlain($0) }) else {
                        return "\(String(decoding: next, as: UTF8.self)) follows"
                    }
                }
            }
            return nil
        }
        #expect(problem == nil)
        #expect(found > 1000)
    }
}
