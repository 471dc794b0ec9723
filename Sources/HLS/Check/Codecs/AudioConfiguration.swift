// SPDX-License-Identifier: Apache-2.0

/// What a sound is: from the AudioSpecificConfig of AAC (ISO/IEC 14496-3 section 1.6.2.1), or from the sample entry.
struct AudioConfiguration {
    /// 2 is AAC-LC, 5 and 29 are HE-AAC; 0 where it is no AAC.
    var objectType = 0
    var samplesPerSecond: Int?
    var channels: Int

    var isHighEfficiency: Bool { objectType == 5 || objectType == 29 }
    var isAAC: Bool { [2, 5, 29].contains(objectType) }

    private static let rates = [
        96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
    ]
    /// Channels of each channel configuration (table 1.19).
    private static let channelCounts = [0, 1, 2, 3, 4, 5, 6, 8]

    init(channels: Int) {
        self.channels = channels
    }

    init?(specific bytes: [UInt8]) {
        var reader = BitReader(bytes)
        guard let type = Self.objectType(&reader), type > 0, let rate = Self.rate(&reader),
            let configuration = reader.bits(4), configuration < Self.channelCounts.count
        else { return nil }
        objectType = type
        samplesPerSecond = rate
        channels = Self.channelCounts[configuration]
    }

    private static func objectType(_ reader: inout BitReader) -> Int? {
        guard let type = reader.bits(5) else { return nil }
        return type == 31 ? reader.bits(6).map { 32 + $0 } : type
    }

    private static func rate(_ reader: inout BitReader) -> Int? {
        guard let index = reader.bits(4) else { return nil }
        if index == 15 { return reader.bits(24) }
        return index < rates.count ? rates[index] : nil
    }
}
