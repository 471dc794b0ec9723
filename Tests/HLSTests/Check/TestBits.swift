// SPDX-License-Identifier: Apache-2.0

/// Writes bits, the highest of a byte first.
struct TestBits {
    private(set) var bytes: [UInt8] = []
    private var free = 0

    mutating func bits(_ value: Int, _ count: Int) {
        for shift in (0..<count).reversed() {
            if free == 0 {
                bytes.append(0)
                free = 8
            }
            free -= 1
            bytes[bytes.count - 1] |= UInt8(value >> shift & 1) << UInt8(free)
        }
    }

    /// An unsigned Exp-Golomb code.
    mutating func exponential(_ value: Int) {
        let length = Int.bitWidth - (value + 1).leadingZeroBitCount
        bits(0, length - 1)
        bits(value + 1, length)
    }
}

/// A sequence parameter set of H.264, written by ITU-T H.264 section 7.3.2.1.1.
struct TestSPS {
    var width: Int
    var height: Int
    var profile = 100
    var level = 30
    var bitDepth = 8
    var isInterlaced = false
    /// Width and height of a pixel.
    var pixelAspect: (Int, Int)?
    /// Primaries, transfer function and matrix.
    var colour = (1, 1, 1)

    /// The NAL unit, with the bytes that prevent start codes.
    var unit: [UInt8] {
        var out = TestBits()
        out.bits(profile, 8)
        out.bits(0, 8)
        out.bits(level, 8)
        out.exponential(0)
        if profile >= 100 {
            out.exponential(1)
            out.exponential(bitDepth - 8)
            out.exponential(bitDepth - 8)
            out.bits(0, 2)
        }
        out.exponential(0)  // log2_max_frame_num
        out.exponential(0)  // picture order count by type 0
        out.exponential(0)
        out.exponential(1)  // reference frames
        out.bits(0, 1)
        let rows = isInterlaced ? (height + 31) / 32 * 2 : (height + 15) / 16
        out.exponential((width + 15) / 16 - 1)
        out.exponential((isInterlaced ? rows / 2 : rows) - 1)
        out.bits(isInterlaced ? 0 : 1, 1)
        if isInterlaced { out.bits(0, 1) }
        out.bits(1, 1)
        out.bits(1, 1)  // cropping
        out.exponential(0)
        out.exponential(((width + 15) / 16 * 16 - width) / 2)
        out.exponential(0)
        out.exponential((rows * 16 - height) / (isInterlaced ? 4 : 2))
        usability(&out)
        out.bits(1, 1)
        return [0x67] + Self.escaped(out.bytes)
    }

    private func usability(_ out: inout TestBits) {
        out.bits(1, 1)
        if let pixelAspect {
            out.bits(1, 1)
            out.bits(255, 8)
            out.bits(pixelAspect.0, 16)
            out.bits(pixelAspect.1, 16)
        } else {
            out.bits(0, 1)
        }
        out.bits(0, 1)
        out.bits(1, 1)
        out.bits(5, 3)
        out.bits(0, 1)
        out.bits(1, 1)
        out.bits(colour.0, 8)
        out.bits(colour.1, 8)
        out.bits(colour.2, 8)
        out.bits(0, 5)
    }

    private static func escaped(_ bytes: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        for byte in bytes {
            if byte <= 3, out.suffix(2) == [0, 0] { out.append(3) }
            out.append(byte)
        }
        return out
    }
}
