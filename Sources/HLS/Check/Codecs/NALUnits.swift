// SPDX-License-Identifier: Apache-2.0

/// The NAL units of one sample of H.264 or HEVC, each behind its length (ISO/IEC 14496-15 section 5.3.4.2).
struct NALUnits {
    /// The first slice is of an IDR picture; for HEVC of an IDR, BLA or CRA picture.
    let startsWithIDR: Bool

    /// Units that a sample may have before its first slice.
    private static let unitsMax = 1000

    init(_ bytes: [UInt8], _ range: Range<Int>, lengthBytes: Int, isHEVC: Bool) {
        var reader = ByteReader(bytes, range)
        var isIDR = false
        for _ in 0..<Self.unitsMax {
            guard let length = reader.number(lengthBytes), let first = reader.number(1) else { break }
            let type = isHEVC ? first >> 1 & 0x3F : first & 0x1F
            if isHEVC ? type < 32 : (1...5).contains(type) {
                isIDR = isHEVC ? (16...21).contains(type) : type == 5
                break
            }
            guard reader.skip(length - 1) else { break }
        }
        startsWithIDR = isIDR
    }
}
