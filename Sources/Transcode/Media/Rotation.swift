// SPDX-License-Identifier: Apache-2.0

import CFFmpeg

/// How a stored picture must be turned to stand upright, from the display matrix (ISO/IEC 14496-12 section 8.3.2).
struct Rotation: Sendable, Equatable {
    /// Clockwise: 0, 90, 180 or 270.
    var degrees = 0
    /// Mirrored left to right once it is turned.
    var isMirrored = false

    var swapsSides: Bool { degrees == 90 || degrees == 270 }

    init(degrees: Int = 0, isMirrored: Bool = false) {
        self.degrees = degrees
        self.isMirrored = isMirrored
    }

    init(stream: UnsafeMutablePointer<AVStream>) {
        var bytes = 0
        guard let data = av_stream_get_side_data(stream, AV_PKT_DATA_DISPLAYMATRIX, &bytes), bytes >= 36 else { return }
        data.withMemoryRebound(to: Int32.self, capacity: 9) { matrix in
            var copy = Array(UnsafeBufferPointer(start: matrix, count: 9))
            // A negative determinant mirrors.
            isMirrored = Int64(copy[0]) * Int64(copy[4]) - Int64(copy[1]) * Int64(copy[3]) < 0
            if isMirrored { av_display_matrix_flip(&copy, 1, 0) }
            let angle = av_display_rotation_get(copy)
            guard angle.isFinite else { return }
            // libav counts counter-clockwise; odd angles are taken to the nearest quarter.
            degrees = ((Int((-angle / 90).rounded()) % 4 + 4) % 4) * 90
        }
    }

    /// The filters of libavfilter that do it.
    var filters: [String] {
        let turn: [String] =
            switch degrees {
            case 90: ["transpose=clock"]
            case 180: ["hflip", "vflip"]
            case 270: ["transpose=cclock"]
            default: []
            }
        return turn + (isMirrored ? ["hflip"] : [])
    }
}
