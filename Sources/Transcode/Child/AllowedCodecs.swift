// SPDX-License-Identifier: Apache-2.0

/// The decoders of libav that may be opened, by libav's names: what cameras, editors, screen recorders and broadcasters
/// write. Most of libav's other four hundred are for games and formats of the nineties, and little tested.
enum AllowedCodecs {
    static let video = [
        "h264", "hevc", "mpeg1video", "mpeg2video", "mpegvideo", "mpeg4", "msmpeg4v1", "msmpeg4v2", "msmpeg4", "h263",
        "h263i", "h263p", "flv", "vp6", "vp6f", "vp8", "vp9", "libvpx", "libvpx-vp9", "libdav1d", "libaom-av1", "av1",
        "theora", "vc1", "wmv1", "wmv2", "wmv3", "mjpeg", "prores", "dnxhd", "cfhd", "dvvideo", "rawvideo", "huffyuv",
        "ffvhuff", "ffv1", "utvideo", "qtrle", "cinepak", "svq1", "svq3", "png",
    ]
    static let audio = [
        "aac", "aac_fixed", "aac_latm", "mp1", "mp1float", "mp2", "mp2float", "mp3", "mp3float", "ac3", "ac3_fixed",
        "eac3", "dca", "truehd", "mlp", "opus", "libopus", "vorbis", "libvorbis", "flac", "alac", "wmav1", "wmav2",
        "wmapro", "wmalossless", "amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb", "speex", "libspeex",
        "nellymoser", "adpcm_ms", "adpcm_ima_wav", "adpcm_ima_qt", "adpcm_swf", "adpcm_yamaha", "pcm_s8", "pcm_u8",
        "pcm_s16le", "pcm_s16be", "pcm_u16le", "pcm_u16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be",
        "pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be", "pcm_alaw", "pcm_mulaw", "pcm_bluray", "pcm_dvd",
    ]
    /// Texts only; none of them names another file.
    static let subtitles = ["mov_text", "subrip", "srt", "ass", "ssa", "webvtt", "text"]

    /// For libav's option `codec_whitelist`.
    static let list = (video + audio + subtitles).joined(separator: ",")

    private static let names = Set(video + audio + subtitles)

    static func contains(_ name: String) -> Bool { names.contains(name) }
}
