// SPDX-License-Identifier: Apache-2.0

/// The CODECS entry of H.264 in MP4, `avc1.PPCCLL` in hexadecimal (RFC 6381 section 3.3), from the `avcC`
/// record (ISO/IEC 14496-15 section 5.3.3.1). Nil when the bytes are not one.
public func avcCodecs(decoderConfiguration avcC: [UInt8]) -> String? {
    guard avcC.count >= 7, avcC[0] == 1 else { return nil }
    return "avc1." + avcC[1...3].map(hexadecimalPair).joined()
}

/// The CODECS entry of AAC in MP4, `mp4a.40.N`, from the AudioSpecificConfig, whose first five bits are the
/// audio object type N (ISO/IEC 14496-3 section 1.6.2.1). Nil when the bytes are not one.
public func aacCodecs(audioSpecificConfiguration bytes: [UInt8]) -> String? {
    guard bytes.count >= 2 else { return nil }
    var objectType = Int(bytes[0] >> 3)
    if objectType == 31 { objectType = 32 + Int(bytes[0] & 7) << 3 + Int(bytes[1] >> 5) }
    return objectType > 0 ? "mp4a.40.\(objectType)" : nil
}

func hexadecimalPair(_ byte: UInt8) -> String {
    let digits = String(byte, radix: 16)
    return digits.count == 1 ? "0" + digits : digits
}
