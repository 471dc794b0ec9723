// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import HLS
@testable import Transcode

/// `transcode check` on what the transcoder makes, beside ffprobe, and on damage.
@Suite struct CheckCommandTests {
    func check(_ arguments: String...) throws -> (status: Int32, output: String, errors: String) {
        let tool = try Tool.run(Tool.transcode, ["check"] + arguments)
        return (tool.status, String(decoding: tool.output, as: UTF8.self), tool.errors)
    }

    func report(_ place: String) throws -> CheckJSON {
        let (status, output, errors) = try check(place, "--json")
        #expect(errors.isEmpty)
        let report = try JSONDecoder().decode(CheckJSON.self, from: Data(output.utf8))
        #expect(status == (report.conformant ? 0 : 1))
        return report
    }

    /// A copy of a transcoded clip that may be damaged.
    func copy(_ clip: Clip) throws -> String {
        let folder = try TestFiles.folder() + "/copy"
        try FileManager.default.copyItem(atPath: try Transcoded.of(clip).folder, toPath: folder)
        return folder
    }

    /// What the inputs of other tests become is held against the same rules: see `Made`.
    @Test(arguments: Clip.allCases) func whatIsMadeBreaksNoMust(clip: Clip) throws {
        let report = try report(try Transcoded.of(clip).folder)
        let broken = report.findings.filter { $0.severity == "must" }
        #expect(broken.isEmpty, "\(clip): \(broken.map { "\($0.rule) \($0.place): \($0.sentence)" })")
    }

    /// Durations, sizes, frame rates and key frames are those that ffprobe sees.
    @Test(arguments: Clip.allCases) func theMeasuresAreThoseOfFfprobe(clip: Clip) throws {
        let transcoded = try Transcoded.of(clip)
        let report = try report(transcoded.folder)
        #expect(report.renditions.count { $0.kind != "I frames" } == transcoded.renditions.count)
        for rendition in transcoded.renditions {
            let row = try #require(report.renditions.first { $0.place == "\(rendition.name)/index.m3u8" })
            let packets = try ProbedPackets("\(transcoded.folder)/\(row.place)")
            #expect(abs(row.seconds - packets.seconds) < 0.05, "\(clip) \(row.place)")
            #expect(row.segments == rendition.segments.count)
            let stream = try #require(try Probed("\(transcoded.folder)/\(row.place)").streams.first)
            guard row.kind == "video" else { continue }
            #expect(row.width == stream.width && row.height == stream.height)
            let rate = Double(packets.times.count) / packets.seconds
            #expect(abs(try #require(row.framesPerSecond) - rate) < 0.01 * rate, "\(clip) \(row.place)")
            // libav moves all times where composition offsets are negative.
            let first = try #require(packets.times.first)
            #expect(try keyTimes(rendition) == packets.keyTimes.map { $0 - first }, "\(clip) \(row.place)")
        }
    }

    /// The key frames that the check finds in the NAL units, in thousandths of a second.
    private func keyTimes(_ rendition: Transcoded.Rendition) throws -> [Int] {
        var findings = FindingList()
        let initialization = try #require(
            InitializationFacts.read(rendition.initialization, place: "init.mp4", into: &findings))
        let times = try rendition.segments.flatMap { bytes in
            let facts = try #require(
                FragmentReader.read(
                    bytes, place: "0.m4s", initialization: initialization, isIFrame: false, limits: CheckLimits(),
                    into: &findings))
            return facts.keyTimes.map { Int((Double($0) / Double(facts.timescale) * 1000).rounded()) }
        }
        #expect(findings.findings.filter { $0.severity == .must } == [])
        return times
    }

    @Test func damageIsFoundAndNamed() throws {
        let folder = try copy(.wide)
        let path = folder + "/360p/1.m4s"
        try Data(try TestFiles.read(path).dropLast(100)).write(to: URL(fileURLWithPath: path))
        try Data("no key".utf8).write(to: URL(fileURLWithPath: folder + "/240p/0.m4s"))
        try FileManager.default.removeItem(atPath: folder + "/audio/2.m4s")
        let (status, output, errors) = try check(folder)
        #expect(status == 1 && errors.isEmpty)
        #expect(output.contains("MUST [RFC 8216 3] 360p/1.m4s: the sizes of its boxes do not add up\n"))
        #expect(output.contains("MUST [RFC 8216 3] 240p/0.m4s: it is neither MP4"))
        #expect(
            output.contains("MUST [RFC 8216 6.2.1] audio/2.m4s: it can not be read: open: No such file or directory\n"))
    }

    @Test func aPlaylistThatBreaksNothingEndsWithZero() throws {
        let playlist = try Transcoded.of(.wide).folder + "/240p/index.m3u8"
        let (status, output, errors) = try check(playlist)
        #expect(status == 0 && errors.isEmpty)
        let lines = output.split(separator: "\n")
        #expect(lines.first?.hasPrefix("rendition   kind   BANDWIDTH  measured") == true, "\(output)")
        #expect(lines.count == 3 && lines[1].hasPrefix("index.m3u8  video  -"))
        #expect(lines.last == "MUST broken: 0, SHOULD broken: 0, notes: 0")
    }

    @Test func namesOfTheReportAreAnInterface() throws {
        let output = try check(try Transcoded.of(.wide).folder, "--json").output
        let object = try #require(try JSONSerialization.jsonObject(with: Data(output.utf8)) as? [String: Any])
        #expect(Set(object.keys) == ["conformant", "findings", "renditions"])
        let finding = try #require((object["findings"] as? [[String: Any]])?.first)
        #expect(Set(finding.keys) == ["severity", "rule", "place", "sentence"])
        let rendition = try #require(
            (object["renditions"] as? [[String: Any]])?.first { $0["kind"] as? String == "video" })
        #expect(
            Set(rendition.keys) == [
                "place", "kind", "declaredBandwidth", "measuredBandwidth", "declaredAverageBandwidth",
                "measuredAverageBandwidth", "codecs", "width", "height", "framesPerSecond", "segments", "seconds",
            ])
    }

    @Test func nothingToCheckEndsWithTwo() throws {
        let empty = try TestFiles.folder()
        let none = try check(empty)
        #expect(none.status == 2 && none.errors.contains("there is neither master.m3u8 nor exactly one other playlist"))
        #expect(try check("/nonexistent").status == 2)
        #expect(try check("ftp://example.com/master.m3u8").status == 2)
        let page = try TestFiles.file(Array("<html>".utf8), name: "master.m3u8")
        let refused = try check(page)
        #expect(refused.status == 2 && refused.errors.contains("the first line is not #EXTM3U"))
        // A port on which nobody listens.
        let silent = try check("http://127.0.0.1:9/master.m3u8")
        #expect(silent.status == 2 && silent.output.isEmpty && !silent.errors.isEmpty)
        #expect(try check().status == 64)
    }

    @Test func theRulesAreListedAndDocumented() throws {
        let (status, output, _) = try check("--rules")
        #expect(status == 0)
        let documents = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().path
        #expect(try TestFiles.text(documents + "/docs/transcoding.md").contains(output))
        #expect(try check("--help").output.contains("--ca"))
    }
}

/// The packets of a playlist's only stream as ffprobe sees them.
struct ProbedPackets {
    /// Presentation times in thousandths of a second, rising.
    var times: [Int] = []
    var keyTimes: [Int] = []
    var seconds = 0.0

    init(_ path: String) throws {
        let output = try Tool.succeed(
            "ffprobe", ["-v", "error", "-show_entries", "packet=pts_time,duration_time,flags", "-of", "csv=p=0", path])
        var end = 0.0
        var start = Double.infinity
        for line in String(decoding: output, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: ",")
            guard parts.count >= 3, let time = Double(parts[0]) else { continue }
            times.append(Int((time * 1000).rounded()))
            if parts[2].hasPrefix("K") { keyTimes.append(Int((time * 1000).rounded())) }
            start = min(start, time)
            end = max(end, time + (Double(parts[1]) ?? 0))
        }
        times.sort()
        seconds = max(0, end - start)
    }
}
