// SPDX-License-Identifier: Apache-2.0

@testable import HLS

private let master = "master.m3u8"

extension Breakage {
    /// What pictures are.
    static let pictures = [
        Breakage(.codecFamily, "another kind") { $0.entry("avc1", to: "vp09") },
        Breakage(.codecs, "a wrong level") { $0.replace("avc1.64000d,mp4a", with: "avc1.640015,mp4a", in: master) },
        Breakage(.codecs, "no sound") { $0.remove(",mp4a.40.2", from: master) },
        Breakage(.codecs, "one too many") { $0.replace("avc1.64000d,mp4a", with: "avc1.64000d,ec-3,mp4a", in: master) },
        Breakage(.h264ProfileLevel, shape: "High 10") { $0.videos[0].set.profile = 110 },
        Breakage(.h264ProfileLevel, shape: "level 6") { $0.videos[0].set.level = 60 },
        Breakage(.highProfile, shape: "Main") { $0.videos[0].set.profile = 77 },
        Breakage(.hevcProfileLevel, "level 6") { presentation in
            presentation.entry("avc1", to: "hvc1")
            presentation.entry("avcC", to: "hvcC")
        },
        Breakage(.parameterSets, shape: "avc3") { $0.videos[0].entry = "avc3" },
        Breakage(.levelNeeded, shape: "level 4.2 of a small picture") { $0.videos[0].set.level = 42 },
        Breakage(.keyFrameDistance, shape: "every four seconds") { $0.videos[1].gopFrames = 100 },
        Breakage(.interlaced, shape: "fields") { $0.videos[0].set.isInterlaced = true },
        Breakage(.naturalFrameRate, shape: "20 a second") { $0.slow(frameDuration: 640, frames: [120, 120, 60]) },
        Breakage(.frameRateMaximum, shape: "100 a second") { $0.slow(frameDuration: 128, frames: [600, 600, 300]) },
        Breakage(.colourSpace, shape: "another matrix") { $0.videos[0].set.colour = (6, 6, 6) },
        Breakage(.videoRange, shape: "HLG without a word") {
            for index in $0.videos.indices { $0.videos[index].set.colour = (9, 18, 9) }
        },
        Breakage(.pixelAspect, shape: "wide pixels") {
            for index in $0.videos.indices { $0.videos[index].set.pixelAspect = (4, 3) }
        },
        Breakage(.startsWithIDR, shape: "a segment without") { $0.videos[0].openSegment = 1 },
        Breakage(.independentSegments, shape: "a segment without an IDR picture") { $0.videos[0].openSegment = 1 },
        Breakage(.independentSegments, shape: "a picture shown before the first") {
            $0.videos[0].hasLeadingPicture = true
        },
        Breakage(.frameRate, "another one") { $0.replace("FRAME-RATE=25.000", with: "FRAME-RATE=30.000", in: master) },
        Breakage(.frameRateChange, "half of it") { presentation in
            let track = GoodPresentation.Shape().videos[1].track
            let samples = (0..<75).map { frame in
                TestTrack.Sample(isKey: frame % 25 == 0, unitType: frame % 25 == 0 ? 5 : 1, bytes: 300, duration: 1024)
            }
            presentation.files["240p/1.m4s"] = track.segment(at: 150 * 512, samples)
        },
        Breakage(.resolution, "missing") { $0.replace("RESOLUTION=", with: "X=", in: master) },
        Breakage(.resolution, "another one") {
            $0.replace("RESOLUTION=416x234", with: "RESOLUTION=426x240", in: master)
        },
        Breakage(.iFramesOnly, shape: "no IDR picture") { $0.iFrameUnitType = 1 },
        Breakage(.iFramesOnlyTag, "missing") { $0.remove("#EXT-X-I-FRAMES-ONLY\n", from: "240p/iframes.m3u8") },
        Breakage(.iFramesOnly, "a range that ends in the picture") { presentation in
            let text = presentation.text("240p/iframes.m3u8")
            guard let range = text.firstRange(of: /BYTERANGE:\d+@0/) else { return }
            presentation.replace(String(text[range]), with: "BYTERANGE:400@0", in: "240p/iframes.m3u8")
        },
        Breakage(.iFrameFragment, "the range begins behind the moof") { presentation in
            let bytes = presentation.files["240p/iframes.m4s"] ?? []
            guard let data = mp4Box(in: bytes, path: ["mdat"]) else { return }
            let text = presentation.text("240p/iframes.m3u8")
            guard let range = text.firstRange(of: /BYTERANGE:\d+@0/) else { return }
            let part = "BYTERANGE:\(data.body.count + 8)@\(data.body.lowerBound - 8)"
            presentation.replace(String(text[range]), with: part, in: "240p/iframes.m3u8")
        },
        Breakage(.denseIFrames, shape: "every three seconds") { $0.iFrameSeconds = 3 },
    ]

    /// What sounds are.
    static let sounds = [
        Breakage(.stereo, shape: "mono only") { $0.audioChannels = 1 },
        Breakage(.highEfficiencyAudio, shape: "at 75 kb/s") { $0.audioObjectType = 5 },
        Breakage(.audioRate, shape: "250 kb/s") { $0.audioFrameBytes = 700 },
        Breakage(.loudness, shape: "no box") { $0.hasLoudness = false },
    ]

    /// Servers.
    static let servers = [
        Breakage(.redirects, server: "one redirect") { $0.redirects = 1 },
        Breakage(.gzip, server: "plain playlists") { $0.contentEncoding = nil },
        Breakage(.mimeTypes, server: "bytes") { $0.contentType = "application/octet-stream" },
        Breakage(.mimeTypes, server: "no types") { $0.contentType = nil },
        Breakage(.transportSecurity, "no TLS") { $0.serve(scheme: "http") { _ in } },
    ]
}

extension GoodPresentation {
    /// Renames a sample entry or its configuration in the initialization section of 240p.
    mutating func entry(_ old: String, to new: String) {
        guard let at = files["240p/init.mp4"]?.firstRange(of: Array(old.utf8)) else { return }
        files["240p/init.mp4"]?.replaceSubrange(at, with: Array(new.utf8))
    }
}

extension GoodPresentation.Shape {
    /// Another frame rate of the same length.
    mutating func slow(frameDuration: Int, frames: [Int]) {
        for index in videos.indices {
            videos[index].frameDuration = frameDuration
            videos[index].framesOfSegments = frames
            videos[index].gopFrames = frames[0] / 3
        }
    }
}
