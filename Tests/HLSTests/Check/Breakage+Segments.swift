// SPDX-License-Identifier: Apache-2.0

@testable import HLS

private let media = "240p/index.m3u8"

extension Breakage {
    /// Segments and their boxes.
    static let segments = [
        Breakage(.available, "a segment is missing") { $0.files["240p/1.m4s"] = nil },
        Breakage(.available, "a playlist is missing") { $0.files["audio/index.m3u8"] = nil },
        Breakage(.available, "a range beyond the end") { $0.files["240p/iframes.m4s"]?.removeLast() },
        Breakage(.segment, "cut short") { $0.files["240p/1.m4s"]?.removeLast(10) },
        Breakage(.segment, "no boxes") { $0.files["240p/1.m4s"] = Array("<html>Not found</html>".utf8) },
        Breakage(.segment, "a sample beyond the end") { presentation in
            presentation.edit("240p/2.m4s", ["moof", "traf", "trun"]) { $0[$0.endIndex - 11] = 0xFF }
        },
        Breakage(.transportStream, "no PAT") { presentation in
            presentation.replace("1.m4s", with: "1.ts", in: media)
            presentation.files["240p/1.ts"] = [UInt8](
                repeating: 0x47, count: 188 * 4)
        },
        Breakage(.notRead, "MPEG-TS") { presentation in
            presentation.replace("1.m4s", with: "1.ts", in: media)
            presentation.files["240p/1.ts"] = transportStream
        },
        Breakage(.initialization, "old brands") { presentation in
            presentation.edit("240p/init.mp4", ["ftyp"]) { body in
                for index in body.indices { body[index] = UInt8(ascii: "a") }
            }
        },
        Breakage(.initialization, "no mvex") { $0.rename("240p/init.mp4", ["moov", "mvex"], to: "free") },
        Breakage(.initialization, "a duration") { presentation in
            presentation.edit("240p/init.mp4", ["moov", "mvhd"]) { $0[$0.startIndex + 19] = 1 }
        },
        Breakage(.initialization, "samples in the table") { presentation in
            presentation.edit("240p/init.mp4", ["moov", "trak", "mdia", "minf", "stbl", "stts"]) {
                $0[$0.startIndex + 7] = 1
            }
        },
        Breakage(.initialization, "no decoder configuration") { presentation in
            presentation.edit("240p/init.mp4", ["moov", "trak", "mdia", "minf", "stbl", "stsd"]) { body in
                // The version of the record: behind the entry's header, its 78 bytes, and the box's header.
                body[body.startIndex + 8 + 8 + 78 + 8] = 2
            }
        },
        Breakage(.sampleTable, "missing") {
            $0.rename("240p/init.mp4", ["moov", "trak", "mdia", "minf", "stbl"], to: "free")
        },
        Breakage(.fragment, "no tfdt") { $0.rename("240p/0.m4s", ["moof", "traf", "tfdt"], to: "free") },
        Breakage(.fragment, "another track") { presentation in
            presentation.edit("240p/0.m4s", ["moof", "traf", "tfhd"]) { $0[$0.startIndex + 7] = 9 }
        },
        Breakage(.fragment, "addressed from the file's start") { presentation in
            presentation.edit("240p/0.m4s", ["moof", "traf", "tfhd"]) { $0[$0.startIndex + 3] = 1 }
        },
        Breakage(.fragment, "data in another file") { presentation in
            presentation.edit("240p/init.mp4", ["moov", "trak", "mdia", "minf", "dinf", "dref"]) {
                $0[$0.endIndex - 1] = 0
            }
        },
        Breakage(.fragment, "an IDR picture is not marked") { presentation in
            presentation.edit("240p/0.m4s", ["moof", "traf", "trun"]) { $0[$0.startIndex + 21] = 1 }
        },
        Breakage(.editList, "an edit list") { presentation in
            let bytes = presentation.files["audio/init.mp4"] ?? []
            let edit = TestTrack.full(
                "elst", TestTrack.number(1) + TestTrack.number(0) + TestTrack.number(512) + [0, 1, 0, 0])
            let box = TestTrack.box("edts", edit)
            guard let track = mp4Box(in: bytes, path: ["moov", "trak"]), let movie = mp4Box(in: bytes, path: ["moov"])
            else {
                return
            }
            let inner = TestTrack.box("trak", box + bytes[track.body])
            let rest = Array(bytes[track.body.upperBound..<movie.body.upperBound])
            let before = Array(bytes[movie.body.lowerBound..<track.body.lowerBound - 8])
            presentation.files["audio/init.mp4"] =
                Array(bytes[..<(movie.body.lowerBound - 8)]) + TestTrack.box("moov", before + inner + rest)
        },
        Breakage(.oneAudioStream, "two in a segment") { presentation in
            var other = presentation.audioTrack
            other.identifier = 2
            presentation.files["audio/init.mp4"] = TestTrack.initialization([presentation.audioTrack, other])
            let sample = TestTrack.Sample(bytes: 200, duration: 1024)
            for number in 0..<3 {
                presentation.files["audio/\(number).m4s"]? += other.segment(at: 0, [sample])
            }
        },
        Breakage(.separateStreams, "sound beside the pictures") { presentation in
            var other = presentation.audioTrack
            other.identifier = 2
            let video = GoodPresentation.Shape().videos[1].track
            presentation.files["240p/init.mp4"] = TestTrack.initialization([video, other])
        },
        Breakage(.webVTT, "another first line") { presentation in
            presentation.replace("WEBVTT", with: "\u{FEFF}SUBTITLES", in: "text/0.vtt")
        },
        Breakage(.webVTTCues, "a cue of another segment") {
            $0.replace("00:01.000", with: "00:08.000", in: "text/0.vtt")
        },
        Breakage(.webVTTCues, "times that are none") {
            $0.replace("00:01.000 -->", with: "soon -->", in: "text/0.vtt")
        },
        Breakage(.timestampMap, "missing") { $0.replace("X-TIMESTAMP-MAP=", with: "NOTHING=", in: "text/1.vtt") },
        Breakage(.timestampMap, "malformed") { $0.replace("MPEGTS:0", with: "MPEGTS:now", in: "text/1.vtt") },
        Breakage(.subtitleFormat, "sound") {
            for file in ["index.m3u8", "init.mp4", "0.m4s", "1.m4s", "2.m4s"] {
                $0.files["text/" + file] = $0.files["audio/" + file]
            }
        },
        Breakage(.subtitleLength, "one segment less") {
            $0.remove("#EXTINF:3.000000,\n2.vtt\n", from: "text/index.m3u8")
        },
    ]

    /// A PAT that names the PMT of packet identifier 0x100, and that.
    private static let transportStream: [UInt8] = {
        let filler = [UInt8](repeating: 0xFF, count: 188)
        let table: [UInt8] = [0x47, 0x40, 0, 0x10, 0, 0, 0xB0, 13, 0, 1, 0xC1, 0, 0, 0, 1, 0xE1, 0]
        let map: [UInt8] = [0x47, 0x41, 0, 0x10]
        return table + filler.dropFirst(table.count) + map + filler.dropFirst(map.count)
    }()
}
