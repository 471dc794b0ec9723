// SPDX-License-Identifier: Apache-2.0

import CFFmpeg
import HLS

/// Turns decoded pictures of any kind into upright, progressive 4:2:0 pictures of one size with square pixels.
///
/// The filter chain is rebuilt when the form of the pictures changes in the middle of a file.
final class VideoNormalizer {
    private struct Form: Equatable {
        var width: Int32
        var height: Int32
        var format: Int32
        var aspect: [Int32]
        var transfer: UInt32
        var primaries: UInt32
        var matrix: UInt32
        var isInterlaced: Bool
        var range: UInt32
    }

    private let size: PictureSize
    private let rotation: Rotation
    private let timeBase: AVRational
    /// Interlaced pictures become two each.
    private let isOfFields: Bool
    private var form: Form?
    private var graph: FilterGraph?
    private var changes = Allowance.changes

    init(size: PictureSize, rotation: Rotation, timeBase: AVRational, isOfFields: Bool) {
        self.size = size
        self.rotation = rotation
        self.timeBase = timeBase
        self.isOfFields = isOfFields
    }

    /// Gives a picture to the chain, and what comes out with its time in seconds to `receive`. Nil drains the chain.
    func push(_ frame: Frame?, _ receive: (Frame, Double) throws(MediaError) -> Void) throws(MediaError) {
        if let frame {
            let form = form(of: frame)
            if form != self.form {
                try changes.use()
                try drain(receive)
                graph = try FilterGraph(.video, input: input(form), chain: chain(form))
                self.form = form
            }
            frame.pointer.pointee.pts = frame.pointer.pointee.best_effort_timestamp
            try graph?.push(frame)
        } else {
            try drain(receive)
        }
        if let graph { try pull(graph, receive) }
    }

    private func drain(_ receive: (Frame, Double) throws(MediaError) -> Void) throws(MediaError) {
        guard let graph else { return }
        try graph.push(nil)
        try pull(graph, receive)
        self.graph = nil
        form = nil
    }

    private func pull(
        _ graph: FilterGraph, _ receive: (Frame, Double) throws(MediaError) -> Void
    ) throws(MediaError) {
        let unit = av_q2d(graph.outputTimeBase)
        while let ready = try graph.pull() { try receive(ready, Double(ready.pointer.pointee.pts) * unit) }
    }

    private func form(of frame: Frame) -> Form {
        let picture = frame.pointer.pointee
        return Form(
            width: picture.width, height: picture.height, format: picture.format,
            aspect: [picture.sample_aspect_ratio.num, picture.sample_aspect_ratio.den],
            transfer: picture.color_trc.rawValue, primaries: picture.color_primaries.rawValue,
            matrix: picture.colorspace.rawValue,
            // Once interlaced, the chain stays: single progressive pictures pass through it.
            isInterlaced: picture.interlaced_frame != 0 || form?.isInterlaced == true,
            range: picture.color_range.rawValue)
    }

    private func input(_ form: Form) -> String {
        let aspect = form.aspect[0] > 0 && form.aspect[1] > 0 ? "\(form.aspect[0])/\(form.aspect[1])" : "1/1"
        return "video_size=\(form.width)x\(form.height):pix_fmt=\(form.format)"
            + ":time_base=\(timeBase.num)/\(timeBase.den):pixel_aspect=\(aspect)"
    }

    private func chain(_ form: Form) -> String {
        var filters: [String] = []
        if form.isInterlaced {
            filters.append("bwdif=mode=\(isOfFields ? "send_field" : "send_frame"):deint=interlaced")
        }
        if ColorDescription.isHighDynamicRange(form.transfer) {
            // To linear light, tone-mapped, to BT.709.
            // A file that names only its transfer means the colours of BT.2020 with it (BT.2100).
            let primaries = form.primaries == AVCOL_PRI_UNSPECIFIED.rawValue ? ":primariesin=bt2020" : ""
            let matrix = form.matrix == AVCOL_SPC_UNSPECIFIED.rawValue ? ":matrixin=bt2020nc" : ""
            filters.append("zscale=transfer=linear:npl=100\(primaries)\(matrix),format=gbrpf32le")
            filters.append("zscale=primaries=bt709")
            filters.append("tonemap=hable:desat=0,zscale=transfer=bt709:matrix=bt709:range=tv,format=yuv420p")
        }
        filters += rotation.filters
        // Pictures that are right already are handed on without a copy.
        if filters.isEmpty, form.width == size.width, form.height == size.height,
            form.format == AV_PIX_FMT_YUV420P.rawValue, form.range != AVCOL_RANGE_JPEG.rawValue
        {
            return "setsar=1"
        }
        let matrix = ColorDescription.isRGB(form.format) ? ":out_color_matrix=bt709" : ""
        filters.append(
            "scale=\(size.width):\(size.height):flags=bicubic:out_range=tv\(matrix),setsar=1,format=yuv420p")
        return filters.joined(separator: ",")
    }
}

extension ColorDescription {
    /// True for PQ and HLG.
    static func isHighDynamicRange(_ transfer: UInt32) -> Bool {
        transfer == AVCOL_TRC_SMPTE2084.rawValue || transfer == AVCOL_TRC_ARIB_STD_B67.rawValue
    }

    /// True for pictures of red, green and blue, directly or by a palette.
    static func isRGB(_ format: Int32) -> Bool {
        guard let descriptor = av_pix_fmt_desc_get(AVPixelFormat(rawValue: format)) else { return false }
        return descriptor.pointee.flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0
    }

    /// What the rungs are tagged with: the source's tags; BT.709 where the picture is tone-mapped or converted to it;
    /// and for a source without tags what players take a picture of its size for. A smaller rung without tags would
    /// be taken for something else than a large one.
    init(source parameters: AVCodecParameters) {
        let highDefinition = ColorDescription(
            primaries: AVCOL_PRI_BT709, transfer: AVCOL_TRC_BT709, matrix: AVCOL_SPC_BT709)
        if Self.isHighDynamicRange(parameters.color_trc.rawValue) || Self.isRGB(parameters.format)
            || parameters.color_space == AVCOL_SPC_RGB
        {
            self = highDefinition
            return
        }
        let isLarge = parameters.width >= 1280 || parameters.height > 576
        let usual =
            isLarge
            ? highDefinition
            : ColorDescription(
                primaries: AVCOL_PRI_SMPTE170M, transfer: AVCOL_TRC_SMPTE170M, matrix: AVCOL_SPC_SMPTE170M)
        self = usual
        if parameters.color_primaries != AVCOL_PRI_UNSPECIFIED { primaries = parameters.color_primaries }
        if parameters.color_trc != AVCOL_TRC_UNSPECIFIED { transfer = parameters.color_trc }
        if parameters.color_space != AVCOL_SPC_UNSPECIFIED { matrix = parameters.color_space }
    }
}
