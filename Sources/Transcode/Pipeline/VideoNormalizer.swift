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
        var isInterlaced: Bool
    }

    private let size: PictureSize
    private let rotation: Rotation
    private let timeBase: AVRational
    private var form: Form?
    private var graph: FilterGraph?
    private var changes = Allowance.changes

    init(size: PictureSize, rotation: Rotation, timeBase: AVRational) {
        self.size = size
        self.rotation = rotation
        self.timeBase = timeBase
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
            transfer: picture.color_trc.rawValue,
            // Once interlaced, the chain stays: single progressive pictures pass through it.
            isInterlaced: picture.interlaced_frame != 0 || form?.isInterlaced == true)
    }

    private func input(_ form: Form) -> String {
        let aspect = form.aspect[0] > 0 && form.aspect[1] > 0 ? "\(form.aspect[0])/\(form.aspect[1])" : "1/1"
        return "video_size=\(form.width)x\(form.height):pix_fmt=\(form.format)"
            + ":time_base=\(timeBase.num)/\(timeBase.den):pixel_aspect=\(aspect)"
    }

    private func chain(_ form: Form) -> String {
        var filters: [String] = []
        if form.isInterlaced { filters.append("bwdif=mode=send_frame:deint=interlaced") }
        if ColorDescription.isHighDynamicRange(form.transfer) {
            // To linear light, tone-mapped, to BT.709.
            filters.append("zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709")
            filters.append("tonemap=hable:desat=0,zscale=transfer=bt709:matrix=bt709:range=tv,format=yuv420p")
        }
        filters += rotation.filters
        filters.append("scale=\(size.width):\(size.height):flags=bicubic:out_range=tv,setsar=1,format=yuv420p")
        return filters.joined(separator: ",")
    }
}

extension ColorDescription {
    /// True for PQ and HLG.
    static func isHighDynamicRange(_ transfer: UInt32) -> Bool {
        transfer == AVCOL_TRC_SMPTE2084.rawValue || transfer == AVCOL_TRC_ARIB_STD_B67.rawValue
    }

    /// What the rungs are tagged with: the source's tags, or BT.709 where the picture is tone-mapped to it.
    init(source parameters: AVCodecParameters) {
        if Self.isHighDynamicRange(parameters.color_trc.rawValue) {
            self.init(primaries: AVCOL_PRI_BT709, transfer: AVCOL_TRC_BT709, matrix: AVCOL_SPC_BT709)
        } else if parameters.color_space == AVCOL_SPC_RGB {
            self.init()
        } else {
            self.init(
                primaries: parameters.color_primaries, transfer: parameters.color_trc, matrix: parameters.color_space)
        }
    }
}
