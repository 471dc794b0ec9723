// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// Owns one `AVFrame`: a reference to a picture or to audio samples.
///
/// A frame that several threads hold is only read; each that changes fields makes its own with `reference()`.
final class Frame: @unchecked Sendable {
    let pointer: UnsafeMutablePointer<AVFrame>

    init() throws(MediaError) {
        guard let frame = av_frame_alloc() else { throw MediaError.failed("no memory for a frame") }
        pointer = frame
    }

    deinit {
        var frame: UnsafeMutablePointer<AVFrame>? = pointer
        av_frame_free(&frame)
    }

    /// A new frame that shares the data of this one.
    func reference() throws(MediaError) -> Frame {
        let copy = try Frame()
        try check(av_frame_ref(copy.pointer, pointer), "refer to a frame")
        return copy
    }

    var width: Int { Int(pointer.pointee.width) }
    var height: Int { Int(pointer.pointee.height) }
    var samples: Int { Int(pointer.pointee.nb_samples) }

    /// The presentation time in the units of its stream, nil when the file gives none.
    var timestamp: Int64? {
        let time = pointer.pointee.best_effort_timestamp
        return time == spw_av_no_timestamp() ? nil : time
    }
}
