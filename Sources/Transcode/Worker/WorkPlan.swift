// SPDX-License-Identifier: Apache-2.0

import Backends
import FoundationEssentials

/// The parts of a job, as a plan of its video has them.
struct WorkPlan: Sendable {
    /// Sound is far cheaper than pictures, and it is read twice.
    private static let soundShare = 0.01
    private static let soundGrowth = 5
    /// The poster needs a minute of pictures at most.
    private static let picturesShare = 0.01
    private static let assemblyShare = 0.01
    /// The smallest rung costs about so much of all rungs.
    private static let headShare = 0.15
    /// A file may be as much shorter than it declares and is still taken; its last sound waits for its last picture.
    private static let certainShare = 0.95
    private static let certainSlackSeconds = 2.0

    let media: MediaPlan

    var segmentSeconds: Double {
        Double(media.segmentFrames * media.frameRateDenominator) / Double(max(1, media.frameRateNumerator))
    }

    /// Everything behind the plan, ending with the assembly. A video of one chunk is made in one go: that decodes it once.
    func parts() throws(MediaError) -> [PartSpec] {
        let seconds = max(1, media.declaredSeconds)
        let assembly = PartSpec(kind: .assembly, weight: seconds * Self.assemblyShare)
        guard media.chunks.count > 1, media.headSegments > 0 else {
            return [PartSpec(kind: .whole, work: try Self.text([.whole]), weight: seconds), assembly]
        }
        var head: [MediaPart] = [.video(segments: 0..<media.headSegments, rungs: media.headRungs)]
        if media.hasSound { head.append(.sound(videoFrames: nil, segmentsMax: media.headSegments)) }
        var parts = [
            PartSpec(
                kind: .head, work: try Self.text(head),
                weight: Double(media.headSegments) * segmentSeconds * Self.headShare)
        ]
        var soundSegments = media.hasSound ? media.headSegments : Int.max
        for piece in media.videoParts {
            guard case .video(let segments, _) = piece else { continue }
            while soundSegments < certainSegments, Self.needsSound(segments, made: soundSegments) {
                soundSegments = min(certainSegments, soundSegments * Self.soundGrowth)
                let sound: MediaPart = .sound(videoFrames: nil, segmentsMax: soundSegments)
                parts.append(
                    PartSpec(
                        kind: .sound, work: try Self.text([sound]),
                        weight: Double(soundSegments) * segmentSeconds * Self.soundShare))
            }
            parts.append(
                PartSpec(kind: .chunk, work: try Self.text([piece]), weight: self.seconds(of: segments)))
        }
        parts.append(
            PartSpec(kind: .pictures, work: try Self.text([.pictures]), weight: seconds * Self.picturesShare))
        if media.hasSound { parts.append(PartSpec(kind: .soundEnd, weight: seconds * Self.soundShare)) }
        return parts + [assembly]
    }

    /// The sound is ahead of the pictures, by half of what there is of it: who watches meanwhile does not wait for it. It is
    /// always read from the start, so each piece is several times as long as the one before.
    private static func needsSound(_ segments: Range<Int>, made: Int) -> Bool {
        segments.lowerBound >= made / 2 || segments.upperBound > made && segments.upperBound != Int.max
    }

    /// The seconds of video in a range of segments.
    func seconds(of segments: Range<Int>) -> Double {
        let start = Double(segments.lowerBound) * segmentSeconds
        guard segments.upperBound != Int.max else { return max(segmentSeconds, media.declaredSeconds - start) }
        return Double(segments.count) * segmentSeconds
    }

    /// The segments that the video has even if it ends much earlier than its file says.
    private var certainSegments: Int {
        let seconds = media.declaredSeconds * Self.certainShare - Self.certainSlackSeconds
        return max(media.headSegments, Int(max(0, seconds) / segmentSeconds) - 1)
    }

    static func text(_ parts: [MediaPart]) throws(MediaError) -> String { try jsonText(parts) }

    /// What a lease says of its work. Throws for what no version of this program has written.
    static func parts(_ text: String) throws(MediaError) -> [MediaPart] { try jsonValue(text) }
}

/// One line of JSON.
func jsonText(_ value: some Encodable) throws(MediaError) -> String {
    guard let data = try? JSONEncoder().encode(value) else { throw MediaError.failed("a value is not JSON") }
    return String(decoding: data, as: UTF8.self)
}

/// A value from JSON that this program has stored.
func jsonValue<Value: Decodable>(_ text: String) throws(MediaError) -> Value {
    guard let value = try? JSONDecoder().decode(Value.self, from: Data(text.utf8)) else {
        throw MediaError.failed("what is stored is not a \(Value.self)")
    }
    return value
}
