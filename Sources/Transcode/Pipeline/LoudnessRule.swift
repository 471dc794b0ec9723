// SPDX-License-Identifier: Apache-2.0

import Glibc
import HLS

/// When and by how much a sound track is made louder or quieter: by one factor for the whole track.
///
/// A track within 4 LU of the target is left as it is: its maker meant it so, and viewers do not reach for the
/// volume. No track is raised so far that its true peak would be above -1 dBTP (EBU R 128 section h), and one
/// whose peaks would clip, as a mix down of many channels can, is lowered to that.
enum LoudnessRule {
    /// The loudness that players and phones expect, in LUFS (AES TD1008).
    static let target = -16.0
    /// A track that is off by more than this is corrected, in LU.
    static let tolerance = 4.0
    static let truePeakMax = -1.0
    /// No more than this is added: it would be noise that becomes loud.
    static let gainMax = 24.0
    /// What is below counts as silence, in LUFS (the absolute gate of BS.1770 is -70).
    static let silence = -60.0

    /// In decibels.
    static func gain(_ measured: Loudness) -> Double {
        let distance = target - measured.integrated
        var gain = abs(distance) > tolerance ? min(distance, gainMax) : 0
        if gain > 0 { gain = max(0, min(gain, truePeakMax - measured.truePeak)) }
        if measured.truePeak + gain > 0 { gain = truePeakMax - measured.truePeak }
        return gain
    }

    /// What a track is like behind its gain.
    static func result(_ measured: Loudness) -> Loudness {
        let gain = gain(measured)
        return Loudness(
            integrated: measured.integrated + gain, truePeak: measured.truePeak + gain, isWhole: measured.isWhole)
    }
}

func decibels(_ factor: Double) -> Double { 20 * log10(factor) }
