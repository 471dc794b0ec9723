// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// How decoded sound is described to libavfilter, and the chain that makes the one form of it.
enum AudioForm {
    /// The options of a filter chain's source for `frame`, nil for one without sound. A layout that the file does
    /// not tell is set to the usual one of that many channels.
    static func filterInput(_ frame: Frame) -> String? {
        let sound = frame.pointer
        guard sound.pointee.sample_rate > 0, sound.pointee.ch_layout.nb_channels > 0, frame.samples > 0 else {
            return nil
        }
        if sound.pointee.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC {
            av_channel_layout_default(&sound.pointee.ch_layout, sound.pointee.ch_layout.nb_channels)
        }
        var text = [CChar](repeating: 0, count: 128)
        av_channel_layout_describe(&sound.pointee.ch_layout, &text, text.count)
        let layout = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let rate = sound.pointee.sample_rate
        return "time_base=1/\(rate):sample_rate=\(rate):sample_fmt=\(sound.pointee.format):channel_layout=\(layout)"
    }

    /// Filters to 48 kHz stereo in floats; more channels are mixed down. `async` fills gaps of the times with silence
    /// and cuts overlaps.
    static func stereo(async: Bool, fromZero: Bool = false) -> String {
        "aresample=\(AudioFormat.samplesPerSecond)" + (async ? ":async=1" : "") + (fromZero ? ":first_pts=0" : "")
            + ",aformat=sample_fmts=fltp:channel_layouts=stereo"
    }
}
