// SPDX-License-Identifier: Apache-2.0

/// The decoder configuration record of HEVC (ISO/IEC 14496-15 section 8.3.3.1), as far as CODECS needs it.
struct HEVCConfiguration {
    var profileSpace: Int
    var isHighTier: Bool
    var profile: Int
    var compatibility: UInt32
    var constraints: [UInt8]
    /// Thirty times the level: 93 is 3.1.
    var level: Int
    var lengthBytes: Int

    init?(_ record: [UInt8]) {
        guard record.count >= 23, record[0] == 1 else { return nil }
        profileSpace = Int(record[1] >> 6)
        isHighTier = record[1] & 0x20 != 0
        profile = Int(record[1] & 0x1F)
        compatibility = record[2..<6].reduce(0) { $0 << 8 | UInt32($1) }
        constraints = Array(record[6..<12])
        level = Int(record[12])
        lengthBytes = Int(record[21] & 3) + 1
    }

    /// The entry of CODECS (ISO/IEC 14496-15 annex E.3).
    func codec(entry: String) -> String {
        var reversed: UInt32 = 0
        for bit in 0..<32 where compatibility >> UInt32(bit) & 1 == 1 { reversed |= 1 << UInt32(31 - bit) }
        let space = ["", "A", "B", "C"][profileSpace]
        var out = "\(entry).\(space)\(profile).\(String(reversed, radix: 16, uppercase: true))"
        out += ".\(isHighTier ? "H" : "L")\(level)"
        // Zero bytes at the end are left out.
        let used = constraints.prefix((constraints.lastIndex { $0 != 0 } ?? -1) + 1)
        for byte in used { out += "." + String(byte, radix: 16, uppercase: true) }
        return out
    }
}
