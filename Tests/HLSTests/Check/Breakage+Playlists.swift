// SPDX-License-Identifier: Apache-2.0

@testable import HLS

private let media = "240p/index.m3u8"
private let master = "master.m3u8"
private let firstSegment = "#EXTINF:6.000000,\n0.m4s\n"
private let aes = "#EXT-X-KEY:METHOD=AES-128,URI=\"key\""

extension Breakage {
    /// Playlists as texts.
    static let texts = [
        Breakage(.text, "a byte order mark") { $0.files[media]?.insert(contentsOf: [0xEF, 0xBB, 0xBF], at: 0) },
        Breakage(.text, "not UTF-8") { $0.files[media]? += Array("# ".utf8) + [0xFF, 0x0A] },
        Breakage(.text, "a control character") { $0.files[master]? += Array("# \u{7}\n".utf8) },
        Breakage(.lines, "a space behind a URI") { $0.replace("0.m4s", with: "0.m4s ", in: media) },
        Breakage(.name, "another name") {
            $0.files["240p/list"] = $0.files[media]
            $0.replace(media, with: "240p/list", in: master)
        },
        Breakage(.attributes, "an attribute twice") {
            $0.replace("AUTOSELECT=YES", with: "AUTOSELECT=YES,AUTOSELECT=YES", in: master)
        },
        Breakage(.extm3u, "another first line") { $0.replace("#EXTM3U\n", with: "", in: media) },
        Breakage(.version, "twice") {
            $0.replace("#EXT-X-VERSION:7\n", with: "#EXT-X-VERSION:7\n#EXT-X-VERSION:7\n", in: media)
        },
        Breakage(.versionOfTags, "MAP in version 5") { $0.replace("VERSION:7", with: "VERSION:5", in: media) },
        Breakage(.versionOfTags, "no version at all") { $0.remove("#EXT-X-VERSION:7\n", from: "text/index.m3u8") },
        Breakage(.mixedTags, "a target duration in the multivariant playlist") {
            $0.files[master]? += Array("#EXT-X-TARGETDURATION:6\n".utf8)
        },
        Breakage(.mixedTags, "a tag twice") {
            $0.replace(firstSegment, with: "#EXT-X-PLAYLIST-TYPE:VOD\n" + firstSegment, in: media)
        },
    ]

    /// Media playlists.
    static let mediaPlaylists = [
        Breakage(.extinf, "a segment without") { $0.replace(firstSegment, with: "0.m4s\n", in: media) },
        Breakage(.extinf, "no segment") { $0.replace("#EXT-X-ENDLIST", with: "#EXTINF:1,\n#EXT-X-ENDLIST", in: media) },
        Breakage(.byteRange, "no offset") { $0.replace("@0\n", with: "\n", in: "240p/iframes.m3u8") },
        Breakage(.discontinuity, "another initialization section") {
            $0.replace("1.m4s", with: "1.m4s\n#EXT-X-MAP:URI=\"../360p/init.mp4\"", in: media)
        },
        Breakage(.key, "no URI") {
            $0.replace(firstSegment, with: "#EXT-X-KEY:METHOD=AES-128\n" + firstSegment, in: media)
        },
        Breakage(.key, "an IV that is no number") {
            $0.replace(firstSegment, with: aes + ",IV=12\n" + firstSegment, in: media)
        },
        Breakage(.mapVector, "an encrypted initialization section") {
            $0.replace("#EXT-X-MAP", with: aes + "\n#EXT-X-MAP", in: media)
        },
        Breakage(.map, "no URI") { $0.replace("#EXT-X-MAP:URI", with: "#EXT-X-MAP:X-URI", in: media) },
        Breakage(.targetDuration, "a longer segment") { $0.replace("6.000000", with: "6.500000", in: media) },
        Breakage(.targetDuration, "missing") { $0.remove("#EXT-X-TARGETDURATION:6\n", from: media) },
        Breakage(.mediaSequence, "behind a segment") {
            $0.replace("#EXT-X-MEDIA-SEQUENCE:0\n", with: "", in: media)
            $0.replace(firstSegment, with: firstSegment + "#EXT-X-MEDIA-SEQUENCE:0\n", in: media)
        },
        Breakage(.discontinuitySequence, "behind a segment") {
            $0.replace(firstSegment, with: firstSegment + "#EXT-X-DISCONTINUITY-SEQUENCE:0\n", in: media)
        },
        Breakage(.playlistType, "VOD without an end") { $0.remove("#EXT-X-ENDLIST\n", from: media) },
        Breakage(.playlistType, "another word") { $0.replace("TYPE:VOD", with: "TYPE:FILM", in: media) },
        Breakage(.keyFile, "15 bytes") {
            $0.replace(firstSegment, with: aes + "\n" + firstSegment + "#EXT-X-KEY:METHOD=NONE\n", in: media)
            $0.files["240p/key"] = [UInt8](repeating: 1, count: 15)
        },
        Breakage(.paddedSegment, "no whole blocks") {
            $0.replace(firstSegment, with: aes + "\n" + firstSegment + "#EXT-X-KEY:METHOD=NONE\n", in: media)
            $0.files["240p/key"] = [UInt8](repeating: 1, count: 16)
            $0.files["240p/0.m4s"] = [UInt8](repeating: 1, count: 161)
        },
        Breakage(.notRead, "encrypted segments") {
            $0.replace(firstSegment, with: aes + "\n" + firstSegment + "#EXT-X-KEY:METHOD=NONE\n", in: media)
            $0.files["240p/key"] = [UInt8](repeating: 1, count: 16)
            $0.files["240p/0.m4s"] = [UInt8](repeating: 1, count: 160)
        },
        Breakage(.programDateTime, "live without") {
            $0.replaceInAll("#EXT-X-PLAYLIST-TYPE:VOD\n", with: "")
            $0.replaceInAll("#EXT-X-ENDLIST\n", with: "")
        },
        Breakage(.liveSegments, "live with three segments") {
            $0.replaceInAll("#EXT-X-PLAYLIST-TYPE:VOD\n", with: "")
            $0.replaceInAll("#EXT-X-ENDLIST\n", with: "")
        },
        Breakage(.typeOfVOD, "finished without a type") { $0.replaceInAll("#EXT-X-PLAYLIST-TYPE:VOD\n", with: "") },
        Breakage(.targetOfSix, "seven") { $0.replaceInAll("TARGETDURATION:6", with: "TARGETDURATION:7") },
        Breakage(.mapPresent, "no initialization section") { $0.remove("#EXT-X-MAP:URI=\"init.mp4\"\n", from: media) },
        Breakage(.limit, "more segments than are read") { $0.limits.segmentsMax = 2 },
        Breakage(.limit, "more renditions than are read") { $0.limits.renditionsMax = 3 },
        Breakage(.limit, "more samples than are read") { $0.limits.samplesMax = 100 },
    ]

    /// Multivariant playlists.
    static let multivariants = [
        Breakage(.media, "no NAME") { $0.remove("NAME=\"English\",", from: master) },
        Breakage(.media, "DEFAULT without AUTOSELECT") {
            $0.replace("AUTOSELECT=YES", with: "AUTOSELECT=NO", in: master)
        },
        Breakage(.media, "FORCED sound") { $0.replace("DEFAULT=YES", with: "DEFAULT=YES,FORCED=NO", in: master) },
        Breakage(.media, "closed captions without INSTREAM-ID") {
            $0.files[master]? += Array(
                "#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID=\"cc\",NAME=\"cc\",LANGUAGE=\"en\"\n".utf8)
        },
        Breakage(.mediaGroup, "a name twice") { $0.addMember() },
        Breakage(.mediaGroup, "two defaults") { $0.addMember("NAME=\"English\"", with: "NAME=\"Other\"") },
        Breakage(.autoselect, "two for one choice") {
            $0.addMember(
                "NAME=\"English\",LANGUAGE=\"en\",DEFAULT=YES", with: "NAME=\"Other\",LANGUAGE=\"en\",DEFAULT=NO")
        },
        Breakage(.channels, "missing") { $0.remove("CHANNELS=\"2\",", from: master) },
        Breakage(.channels, "another count") { $0.replace("CHANNELS=\"2\"", with: "CHANNELS=\"6\"", in: master) },
        Breakage(.streamInf, "no URI") { $0.remove("240p/index.m3u8\n", from: master) },
        Breakage(.streamInf, "no BANDWIDTH") {
            $0.replace("#EXT-X-STREAM-INF:BANDWIDTH", with: "#EXT-X-STREAM-INF:X", in: master)
        },
        Breakage(.groupReference, "an unknown group") {
            $0.replace("AUDIO=\"sound\"", with: "AUDIO=\"noise\"", in: master)
        },
        Breakage(.closedCaptions, "on one variant only") { $0.remove(",CLOSED-CAPTIONS=NONE", from: master) },
        Breakage(.alternatives, "other members") {
            $0.addMember("GROUP-ID=\"sound\",NAME=\"English\"", with: "GROUP-ID=\"more\",NAME=\"Other\"")
        },
        Breakage(.iFrameStreamInf, "no URI") { $0.remove(",URI=\"240p/iframes.m3u8\"", from: master) },
        Breakage(.language, "missing") { $0.remove("LANGUAGE=\"en\",", from: master) },
        Breakage(.language, "an English word") {
            $0.replace("LANGUAGE=\"en\"", with: "LANGUAGE=\"the language\"", in: master)
        },
        Breakage(.codecsPresent, "missing") { $0.replace("CODECS=", with: "X-CODECS=", in: master) },
        Breakage(.iFrameCodecs, "missing") { $0.replaceLast("CODECS=", with: "X-CODECS=") },
        Breakage(.iFrameResolution, "missing") { $0.replaceLast("RESOLUTION=", with: "X-RESOLUTION=") },
        Breakage(.iFrameResolution, "another one") { $0.replaceLast("416x234", with: "418x234") },
        Breakage(.averageBandwidthPresent, "missing") { $0.replace("AVERAGE-BANDWIDTH=", with: "X=", in: master) },
        Breakage(.frameRatePresent, "missing") { $0.replace("FRAME-RATE=", with: "X=", in: master) },
        Breakage(.score, "on one variant only") { $0.replace("FRAME-RATE=", with: "SCORE=1,FRAME-RATE=", in: master) },
        Breakage(.independentInMultivariant, "in the media playlists only") {
            $0.replaceInAll("#EXT-X-MAP", with: "#EXT-X-INDEPENDENT-SEGMENTS\n#EXT-X-MAP")
            $0.remove("#EXT-X-INDEPENDENT-SEGMENTS\n", from: master)
        },
        Breakage(.independentAnywhere, "missing") { $0.remove("#EXT-X-INDEPENDENT-SEGMENTS\n", from: master) },
    ]
}

extension GoodPresentation {
    /// Adds the audio member once more, changed.
    mutating func addMember(_ old: String = "", with new: String = "") {
        guard let member = text("master.m3u8").split(separator: "\n").first(where: { $0.contains("TYPE=AUDIO") }) else {
            return
        }
        let other = old.isEmpty ? String(member) : String(member.replacing(old, with: new))
        replace("\(member)\n", with: "\(member)\n\(other)\n", in: "master.m3u8")
    }

    /// Replaces what occurs last in the multivariant playlist, which is in its last I-frame playlist.
    mutating func replaceLast(_ old: String, with new: String) {
        var lines = text("master.m3u8").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard let line = lines.lastIndex(where: { $0.contains(old) }) else { return }
        lines[line] = lines[line].replacing(old, with: new)
        files["master.m3u8"] = Array(lines.joined(separator: "\n").utf8)
    }
}
