// SPDX-License-Identifier: Apache-2.0

/// A segment of WebVTT (W3C WebVTT section 4, RFC 8216 section 3.5).
struct WebVTTSegment {
    /// X-TIMESTAMP-MAP: a time of the segment and the MPEG time, in units of 1/90,000 s, that it stands for.
    struct TimestampMap {
        var localSeconds: Double
        var mpegTime: Int

        var shiftSeconds: Double { Double(mpegTime) / 90_000 - localSeconds }
    }

    struct Cue {
        var line: Int
        var startSeconds: Double
        var endSeconds: Double
    }

    var hasHeader = false
    var timestampMap: TimestampMap?
    /// A line begins with X-TIMESTAMP-MAP, well formed or not.
    var hasTimestampMapLine = false
    var cues: [Cue] = []
    /// Lines with an arrow whose times can not be read.
    var malformedLines: [Int] = []

    private static let cuesMax = 100_000

    init(_ bytes: [UInt8]) {
        var text = bytes[...]
        if text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
        var number = 0
        var isHeader = true
        for raw in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let line = String(decoding: raw.last == UInt8(ascii: "\r") ? raw.dropLast() : raw, as: UTF8.self)
            if number == 1 {
                hasHeader = line == "WEBVTT" || line.hasPrefix("WEBVTT ") || line.hasPrefix("WEBVTT\t")
                continue
            }
            if line.isEmpty { isHeader = false }
            if isHeader, line.hasPrefix("X-TIMESTAMP-MAP") {
                hasTimestampMapLine = true
                timestampMap = Self.timestampMap(line)
            }
            if !isHeader, line.contains("-->"), cues.count + malformedLines.count < Self.cuesMax {
                if let cue = Self.cue(line, number) { cues.append(cue) } else { malformedLines.append(number) }
            }
        }
    }

    private static func timestampMap(_ line: String) -> TimestampMap? {
        var local: Double?
        var mpeg: Int?
        guard let equals = line.firstIndex(of: "=") else { return nil }
        for part in line[line.index(after: equals)...].split(separator: ",") {
            let part = String(part).trimmed
            if part.hasPrefix("LOCAL:") { local = seconds(part.dropFirst(6)) }
            if part.hasPrefix("MPEGTS:") { mpeg = Int(part.dropFirst(7)) }
        }
        guard let local, let mpeg, (0..<1 << 33).contains(mpeg) else { return nil }
        return TimestampMap(localSeconds: local, mpegTime: mpeg)
    }

    private static func cue(_ line: String, _ number: Int) -> Cue? {
        let parts = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
        guard parts.count >= 3, parts[1] == "-->", let start = seconds(parts[0]), let end = seconds(parts[2]),
            end >= start
        else { return nil }
        return Cue(line: number, startSeconds: start, endSeconds: end)
    }

    /// `[hours:]minutes:seconds.thousandths`.
    private static func seconds(_ text: Substring) -> Double? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2 || parts.count == 3, let last = parts.last,
            last.utf8.allSatisfy({ (0x30...0x39).contains($0) || $0 == 0x2E }), let seconds = Double(last), seconds < 60
        else { return nil }
        var minutes = 0
        for part in parts.dropLast() {
            guard part.count <= 6, part.utf8.allSatisfy({ (0x30...0x39).contains($0) }), let number = Int(part) else {
                return nil
            }
            minutes = minutes * 60 + number
        }
        return Double(minutes) * 60 + seconds
    }
}
