// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// How often the output changes its picture.
struct OutputRate: Sendable, Equatable {
    var frameRate: FrameRate
    /// The source's pictures are two moments each, woven line by line, and each moment becomes a picture: 60 a second of
    /// video that was sent as 30 (Apple's HLS authoring specification, rule 1.15).
    var isOfFields: Bool

    /// Output frames for one picture of a source that has the rate it says.
    var framesPerPicture: Int { isOfFields ? 2 : 1 }

    init(stream: UnsafeMutablePointer<AVStream>) {
        let rate = FrameRate.output(average: stream.pointee.avg_frame_rate, declared: stream.pointee.r_frame_rate)
        let twice = FrameRate(numerator: 2 * rate.numerator, denominator: rate.denominator)
        isOfFields = Self.isInterlaced(stream.pointee.codecpar.pointee)
        // A container that says 50 has counted the fields already.
        frameRate = isOfFields && twice.value <= FrameRate.valueMax ? twice.inLowestTerms : rate
    }

    /// What the stream says of itself. Single pictures may be otherwise.
    static func isInterlaced(_ parameters: AVCodecParameters) -> Bool {
        switch parameters.field_order {
        case AV_FIELD_PROGRESSIVE: false
        // Camcorders' DV says so in each picture only.
        case AV_FIELD_UNKNOWN: parameters.codec_id == AV_CODEC_ID_DVVIDEO
        default: true
        }
    }
}
