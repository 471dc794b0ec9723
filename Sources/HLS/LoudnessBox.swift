// SPDX-License-Identifier: Apache-2.0

/// How loud a sound track is, for its `ludt` box.
public struct Loudness: Sendable, Codable, Equatable {
    /// Integrated loudness in LUFS (EBU R 128, ITU-R BS.1770).
    public var integrated: Double
    /// The true peak in dBTP.
    public var truePeak: Double
    /// False where only parts of the track were measured.
    public var isWhole: Bool

    public init(integrated: Double, truePeak: Double, isWhole: Bool) {
        self.integrated = integrated
        self.truePeak = truePeak
        self.isWhole = isWhole
    }
}

/// An initialization segment with the loudness of its first track added: `moov/trak/udta/ludt/tlou` (ISO/IEC
/// 14496-12 section 12.2.7, values by ISO/IEC 23003-4 section 7.3). Nil when the bytes have no `moov/trak`.
public func mp4AddingLoudness(_ loudness: Loudness, to initialization: [UInt8]) -> [UInt8]? {
    guard let moov = mp4Box(in: initialization, path: ["moov"]),
        let trak = mp4Box(in: initialization, path: ["trak"], range: moov.body)
    else { return nil }
    let addition = box("udta", box("ludt", box("tlou", trackLoudness(loudness))))
    var bytes = initialization
    // Both have the short header, and no offset in the file changes: an initialization segment has no samples.
    for size in [moov.body, trak.body] {
        let start = size.lowerBound - 8
        guard let old = bigEndian(bytes, at: start, count: 4), old == size.count + 8 else { return nil }
        bytes.replaceSubrange(start..<start + 4, with: fourBytes(old + addition.count))
    }
    bytes.insert(contentsOf: addition, at: trak.body.upperBound)
    return bytes
}

/// The loudness that an initialization segment states for its first track; nil when it states none.
public func mp4Loudness(_ initialization: [UInt8]) -> Loudness? {
    guard let tlou = mp4Box(in: initialization, path: ["moov", "trak", "udta", "ludt", "tlou"]),
        tlou.body.count >= 14, initialization[tlou.body.lowerBound] == 0
    else { return nil }
    let body = Array(initialization[tlou.body])
    let peak = Int(body[7] & 0xF) << 8 | Int(body[8])
    let count = Int(body[10])
    for measurement in 0..<count where body.count >= 14 + 3 * measurement {
        let at = 11 + 3 * measurement
        guard body[at] == programLoudness else { continue }
        return Loudness(
            integrated: Double(body[at + 1]) / 4 - 57.75, truePeak: 20 - Double(peak) / 32,
            isWhole: body[at + 2] & 0xF == measuredAndAccurate)
    }
    return nil
}

private let programLoudness: UInt8 = 1
private let measurementSystemR128: UInt8 = 1
private let measuredAndAccurate: UInt8 = 3
private let unverified: UInt8 = 1

/// A `TrackLoudnessInfo` of version 0 with one measurement.
private func trackLoudness(_ loudness: Loudness) -> [UInt8] {
    let reliability = loudness.isWhole ? measuredAndAccurate : unverified
    // In steps of 1/32 dB below +20 dB; 0 would mean that nothing is known. The sample peak is not given.
    let peak = min(max(Int(((20 - loudness.truePeak) * 32).rounded()), 1), 0xFFF)
    let value = min(max(Int(((loudness.integrated + 57.75) * 4).rounded()), 0), 0xFF)
    return [0, 0, 0, 0]
        // Three reserved bits, no downmix, no range control.
        + [0, 0]
        + [0, UInt8(peak >> 8), UInt8(peak & 0xFF)]
        + [measurementSystemR128 << 4 | reliability]
        + [1, programLoudness, UInt8(value), measurementSystemR128 << 4 | reliability]
}

private func box(_ type: String, _ body: [UInt8]) -> [UInt8] {
    fourBytes(body.count + 8) + Array(type.utf8) + body
}

private func fourBytes(_ value: Int) -> [UInt8] {
    [UInt8(value >> 24 & 0xFF), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)]
}
