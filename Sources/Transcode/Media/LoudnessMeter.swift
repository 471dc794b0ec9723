// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Measures how loud decoded sound is once it is stereo (EBU R 128), by libavfilter's `ebur128`.
final class LoudnessMeter {
    private var graph: FilterGraph?
    private var graphInput = ""
    private var integrated: Double?
    private var peak = 0.0

    /// Takes a decoded frame; what lies between two frames in time does not matter.
    func push(_ frame: Frame) throws(MediaError) {
        guard let input = AudioForm.filterInput(frame) else { return }
        if input != graphInput {
            // Another form in the middle of a file: what was measured so far stands.
            guard graph == nil else { return }
            graph = try FilterGraph(
                .audio, input: input,
                chain: AudioForm.stereo(async: false) + ",ebur128=metadata=1:peak=true")
            graphInput = input
        }
        frame.pointer.pointee.pts = spw_av_no_timestamp()
        try graph?.push(frame)
        try pull()
    }

    /// The loudness of all that was pushed; nil when that was too little or only silence.
    func finish(isWhole: Bool) throws(MediaError) -> Loudness? {
        try graph?.push(nil)
        try pull()
        graph = nil
        guard let integrated, integrated > LoudnessRule.silence, peak > 0 else { return nil }
        return Loudness(integrated: integrated, truePeak: decibels(peak), isWhole: isWhole)
    }

    private func pull() throws(MediaError) {
        while let frame = try graph?.pull() {
            integrated = number(frame, "lavfi.r128.I") ?? integrated
            peak = max(peak, number(frame, "lavfi.r128.true_peak") ?? 0)
        }
    }

    private func number(_ frame: Frame, _ key: String) -> Double? {
        guard let entry = av_dict_get(frame.pointer.pointee.metadata, key, nil, 0), let value = entry.pointee.value,
            let number = Double(String(cString: value)), number.isFinite
        else { return nil }
        return number
    }
}
