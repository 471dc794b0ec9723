// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import HLS

/// Each rule is broken on purpose, and found; a presentation that breaks none has no finding at all.
@Suite struct CheckRuleTests {
    @Test func aGoodPresentationHasNoFinding() {
        let report = GoodPresentation().check()
        #expect(report.findings == [])
        #expect(report.isConformant)
    }

    @Test func aGoodPresentationOfAServerHasNoFinding() {
        var presentation = GoodPresentation()
        presentation.serve()
        #expect(presentation.check().findings == [])
    }

    @Test(arguments: Breakage.all) func aBrokenRuleIsFound(breakage: Breakage) {
        let report = breakage.make().check()
        let found = report.findings.filter { $0.rule == breakage.rule }
        #expect(!found.isEmpty, "\(breakage) is not among \(report.findings.map { "\($0.rule.rawValue) \($0.place)" })")
        #expect(found.allSatisfy { !$0.place.isEmpty && !$0.sentence.isEmpty })
        #expect(report.isConformant == !report.findings.contains { $0.severity == .must })
        if breakage.rule.severity == .must { #expect(!report.isConformant) }
    }

    /// A rule that no test breaks would be a claim.
    @Test func everyRuleIsBrokenByATest() {
        let tested = Set(Breakage.all.map(\.rule))
        #expect(CheckRule.allCases.filter { !tested.contains($0) }.map(\.rawValue) == [])
    }

    /// What is a matter of taste must not fail a build.
    @Test(arguments: Breakage.all.filter { $0.rule.severity != .must && Self.alone.contains($0.rule) })
    func whatIsNoMustBreaksNoMust(breakage: Breakage) {
        let report = breakage.make().check()
        #expect(report.isConformant, "\(report.findings.filter { $0.severity == .must })")
    }

    /// Rules that can be broken without another.
    private static let alone: Set<CheckRule> = [
        .highProfile, .levelNeeded, .colourSpace, .firstVariant, .aspectRatio, .loudness, .denseIFrames,
        .severalIFramePlaylists, .twoAtTheTop, .targetOfSix, .mimeTypes, .transportSecurity, .pixelAspect,
        .independentInMultivariant, .autoselect,
    ]

    @Test func placesNameTheLineAndTheBox() {
        var presentation = GoodPresentation()
        presentation.replace("6.000000", with: "6.500000", in: "240p/index.m3u8")
        presentation.rename("360p/1.m4s", ["moof", "traf", "tfdt"], to: "free")
        let findings = presentation.check().findings
        #expect(findings.contains { $0.rule == .targetDuration && $0.place == "240p/index.m3u8:8" })
        #expect(findings.contains { $0.rule == .fragment && $0.place == "360p/1.m4s box moof/traf" })
    }

    @Test func theSummaryHasTheMeasures() throws {
        let report = GoodPresentation().check()
        #expect(report.renditions.count == 6)
        let video = try #require(report.renditions.first { $0.place == "240p/index.m3u8" })
        #expect(video.kind == "video" && video.codecs == ["avc1.64000d"] && video.segments == 3)
        #expect(video.resolution == PictureSize(width: 416, height: 234) && video.framesPerSecond == 25)
        #expect(video.seconds == 15 && video.declaredBandwidth == video.measuredBandwidth)
        #expect(video.declaredAverageBandwidth == video.measuredAverageBandwidth)
        let audio = try #require(report.renditions.first { $0.kind == "audio" })
        // Without a declaration of its own: 200 bytes and 16 of the table for each AAC frame, and the boxes.
        #expect(audio.declaredBandwidth == nil && audio.codecs == ["mp4a.40.2"])
        #expect(try #require(audio.measuredBandwidth) > 216 * 8 * 48_000 / 1024)
        #expect(
            report.renditions.map(\.kind).sorted() == ["I frames", "I frames", "audio", "subtitles", "video", "video"])
    }

    @Test func aMediaPlaylistAloneIsChecked() {
        var presentation = GoodPresentation()
        presentation.root = "/240p/index.m3u8"
        #expect(presentation.check().findings == [])
        presentation.files["240p/2.m4s"] = nil
        #expect(presentation.check().findings.map(\.rule) == [.available])
    }

    /// A video in work: playlists of type EVENT, of which one is behind.
    @Test func aPresentationThatGrowsHasNoFinding() {
        var presentation = GoodPresentation()
        presentation.replaceInAll("TYPE:VOD", with: "TYPE:EVENT")
        presentation.replaceInAll("#EXT-X-ENDLIST\n", with: "")
        presentation.remove("#EXTINF:3.000000,\n2.m4s\n", from: "360p/index.m3u8")
        #expect(presentation.check().findings == [])
    }

    /// A hostile playlist must not take longer than its bytes: this would be 10^8 runs of segments.
    @Test func manySegmentsWithoutADurationAreMeasuredInTime() {
        var presentation = GoodPresentation()
        presentation.root = "/240p/index.m3u8"
        let many = String(repeating: "#EXTINF:0,\ntext.vtt\n", count: 10_000)
        presentation.replace("#EXT-X-ENDLIST", with: many + "#EXT-X-ENDLIST", in: "240p/index.m3u8")
        presentation.files["240p/text.vtt"] = Array("WEBVTT\n".utf8)
        let start = ContinuousClock.now
        #expect(presentation.check().renditions.first?.measuredBandwidth != nil)
        #expect(ContinuousClock.now - start < .seconds(20))
    }

    @Test func whatIsBrokenAgainAndAgainIsCounted() {
        var presentation = GoodPresentation()
        let line = "#EXT-X-MEDIA:TYPE=NOISE\n"
        presentation.replace(
            "#EXT-X-MEDIA", with: String(repeating: line, count: 100) + "#EXT-X-MEDIA", in: "master.m3u8")
        let found = presentation.check().findings.filter { $0.rule == .media }
        #expect(found.count == FindingList.perRuleMax + 1)
        #expect(found.last?.sentence == "and \(100 - FindingList.perRuleMax) more of the same rule")
    }

    @Test func nothingToStartWithIsTold() {
        var check = PresentationCheck(root: "/a.m3u8")
        #expect(check.next() == CheckRequest(kind: .playlist, address: "/a.m3u8", range: nil, bytesMax: 8 << 20))
        check.receive(.failure("no such file"))
        #expect(check.next() == nil && !check.hasRoot)
        #expect(check.report().findings.map(\.rule) == [.available])
    }
}
