// SPDX-License-Identifier: Apache-2.0

/// The 64-bit checksum XXH64 with seed 0, after its specification (xxHash fast digest algorithm, version 0.1.1,
/// section "XXH64 algorithm description"). It finds damaged bytes; it does not protect against an attacker.
enum XXHash64 {
    private static let prime1: UInt64 = 0x9E37_79B1_85EB_CA87
    private static let prime2: UInt64 = 0xC2B2_AE3D_27D4_EB4F
    private static let prime3: UInt64 = 0x1656_67B1_9E37_79F9
    private static let prime4: UInt64 = 0x85EB_CA77_C2B2_AE63
    private static let prime5: UInt64 = 0x27D4_EB2F_1656_67C5

    static func checksum(_ bytes: UnsafeRawBufferPointer) -> UInt64 {
        guard let base = bytes.baseAddress else { return finish(prime5) }
        var offset = 0
        var state: UInt64
        if bytes.count >= 32 {
            state = stripes(base, count: bytes.count & ~31)
            offset = bytes.count & ~31
        } else {
            state = prime5
        }
        state &+= UInt64(bytes.count)
        while offset + 8 <= bytes.count {
            state = rotate(state ^ round(0, word(base, offset)), 27) &* prime1 &+ prime4
            offset += 8
        }
        if offset + 4 <= bytes.count {
            let half = UInt32(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
            state = rotate(state ^ (UInt64(half) &* prime1), 23) &* prime2 &+ prime3
            offset += 4
        }
        while offset < bytes.count {
            let byte = UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
            state = rotate(state ^ (byte &* prime5), 11) &* prime1
            offset += 1
        }
        return finish(state)
    }

    /// Four lanes over stripes of 32 bytes, merged.
    private static func stripes(_ base: UnsafeRawPointer, count: Int) -> UInt64 {
        var lane1 = prime1 &+ prime2
        var lane2 = prime2
        var lane3: UInt64 = 0
        var lane4 = 0 &- prime1
        var offset = 0
        while offset < count {
            lane1 = round(lane1, word(base, offset))
            lane2 = round(lane2, word(base, offset + 8))
            lane3 = round(lane3, word(base, offset + 16))
            lane4 = round(lane4, word(base, offset + 24))
            offset += 32
        }
        var state = rotate(lane1, 1) &+ rotate(lane2, 7) &+ rotate(lane3, 12) &+ rotate(lane4, 18)
        state = merge(state, lane1)
        state = merge(state, lane2)
        state = merge(state, lane3)
        return merge(state, lane4)
    }

    @inline(__always)
    private static func word(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    private static func rotate(_ value: UInt64, _ bits: UInt64) -> UInt64 {
        value << bits | value >> (64 - bits)
    }

    @inline(__always)
    private static func round(_ lane: UInt64, _ word: UInt64) -> UInt64 {
        rotate(lane &+ word &* prime2, 31) &* prime1
    }

    @inline(__always)
    private static func merge(_ state: UInt64, _ lane: UInt64) -> UInt64 {
        (state ^ round(0, lane)) &* prime1 &+ prime4
    }

    private static func finish(_ value: UInt64) -> UInt64 {
        var state = value
        state = (state ^ state >> 33) &* prime2
        state = (state ^ state >> 29) &* prime3
        return state ^ state >> 32
    }
}
