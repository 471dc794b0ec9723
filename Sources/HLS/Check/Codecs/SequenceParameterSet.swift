// SPDX-License-Identifier: Apache-2.0

/// What a sequence parameter set of H.264 says of the pictures (ITU-T H.264 sections 7.3.2.1.1 and E.1.1).
struct SequenceParameterSet {
    var profile = 0
    /// constraint_set flags, the first in the highest bit.
    var constraints = 0
    /// Ten times the level: 31 is 3.1.
    var level = 0
    /// As shown: without what is cropped.
    var width = 0
    var height = 0
    var widthInMacroblocks = 0
    var heightInMacroblocks = 0
    var referenceFrames = 0
    var isInterlaced = false
    var bitDepth = 8
    /// The shape of a pixel; nil when it is not told.
    var pixelAspect: PictureSize?
    var colour: ColourDescription?

    /// Profiles whose set has the fields of section 7.3.2.1.1 on chroma.
    private static let chromaProfiles: Set = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]
    /// Table E-1.
    private static let pixelAspects = [
        (1, 1), (12, 11), (10, 11), (16, 11), (40, 33), (24, 11), (20, 11), (32, 11), (80, 33), (18, 11), (15, 11),
        (64, 33), (160, 99), (4, 3), (3, 2), (2, 1),
    ]
    /// No picture is larger, so that what is computed from it fits.
    private static let macroblocksMax = 4096

    /// Reads a NAL unit with its header.
    init?(_ unit: [UInt8]) {
        guard let first = unit.first, first & 0x1F == 7 else { return nil }
        var reader = BitReader(Self.payload(unit))
        guard read(&reader) != nil else { return nil }
    }

    /// Without the header and the bytes that prevent start codes (section 7.3.1).
    private static func payload(_ unit: [UInt8]) -> [UInt8] {
        var out: [UInt8] = []
        var zeros = 0
        for byte in unit.dropFirst() {
            if zeros >= 2, byte == 3 {
                zeros = 0
                continue
            }
            zeros = byte == 0 ? zeros + 1 : 0
            out.append(byte)
        }
        return out
    }

    private mutating func read(_ reader: inout BitReader) -> Void? {
        guard let profile = reader.bits(8), let constraints = reader.bits(8), let level = reader.bits(8),
            reader.exponential() != nil
        else { return nil }
        (self.profile, self.constraints, self.level) = (profile, constraints, level)
        var chroma = 1
        if Self.chromaProfiles.contains(profile) {
            guard let format = readChroma(&reader) else { return nil }
            chroma = format
        }
        guard reader.exponential() != nil, readOrderCount(&reader) != nil, let references = reader.exponential(),
            reader.bits(1) != nil, let width = reader.exponential(), let height = reader.exponential(),
            width < Self.macroblocksMax, height < Self.macroblocksMax, let framesOnly = reader.flag()
        else { return nil }
        referenceFrames = min(references, 16)
        isInterlaced = !framesOnly
        widthInMacroblocks = width + 1
        heightInMacroblocks = (height + 1) * (framesOnly ? 1 : 2)
        if isInterlaced, reader.bits(1) == nil { return nil }
        guard reader.bits(1) != nil, readCrop(&reader, chroma) != nil, let hasUsability = reader.flag() else {
            return nil
        }
        // What is behind the size is good to know, but not needed: a set that ends there is still read.
        if hasUsability { readUsability(&reader) }
        return ()
    }

    /// Gives chroma_format_idc.
    private mutating func readChroma(_ reader: inout BitReader) -> Int? {
        guard let format = reader.exponential(), format <= 3 else { return nil }
        if format == 3, reader.bits(1) == nil { return nil }
        guard let depth = reader.exponential(), depth <= 6, reader.exponential() != nil, reader.bits(1) != nil,
            let hasMatrix = reader.flag()
        else { return nil }
        bitDepth = 8 + depth
        guard hasMatrix else { return format }
        for index in 0..<(format == 3 ? 12 : 8) {
            guard let isThere = reader.flag() else { return nil }
            if isThere, Self.skipScalingList(&reader, count: index < 6 ? 16 : 64) == nil { return nil }
        }
        return format
    }

    private static func skipScalingList(_ reader: inout BitReader, count: Int) -> Void? {
        var (last, next) = (8, 8)
        for _ in 0..<count {
            if next != 0 {
                guard let delta = reader.signedExponential(), abs(delta) <= 128 else { return nil }
                next = (last + delta + 256) & 255
            }
            last = next == 0 ? last : next
        }
        return ()
    }

    private func readOrderCount(_ reader: inout BitReader) -> Void? {
        guard let type = reader.exponential() else { return nil }
        if type == 0 { return reader.exponential().map { _ in } }
        guard type == 1 else { return () }
        guard reader.bits(1) != nil, reader.signedExponential() != nil, reader.signedExponential() != nil,
            let count = reader.exponential(), count <= 255
        else { return nil }
        for _ in 0..<count where reader.signedExponential() == nil { return nil }
        return ()
    }

    private mutating func readCrop(_ reader: inout BitReader, _ chroma: Int) -> Void? {
        width = widthInMacroblocks * 16
        height = heightInMacroblocks * 16
        guard let isCropped = reader.flag() else { return nil }
        guard isCropped else { return () }
        guard let left = reader.exponential(), let right = reader.exponential(), let top = reader.exponential(),
            let bottom = reader.exponential()
        else { return nil }
        let unitX = chroma == 1 || chroma == 2 ? 2 : 1
        let unitY = (chroma == 1 ? 2 : 1) * (isInterlaced ? 2 : 1)
        width -= (left + right) * unitX
        height -= (top + bottom) * unitY
        return width > 0 && height > 0 ? () : nil
    }

    private mutating func readUsability(_ reader: inout BitReader) {
        guard let hasAspect = reader.flag() else { return }
        if hasAspect {
            guard let index = reader.bits(8) else { return }
            if index == 255 {
                guard let width = reader.bits(16), let height = reader.bits(16) else { return }
                if width > 0, height > 0 { pixelAspect = PictureSize(width: width, height: height) }
            } else if (1...Self.pixelAspects.count).contains(index) {
                let (width, height) = Self.pixelAspects[index - 1]
                pixelAspect = PictureSize(width: width, height: height)
            }
        }
        guard let hasOverscan = reader.flag() else { return }
        if hasOverscan, reader.bits(1) == nil { return }
        guard reader.flag() == true, reader.bits(4) != nil, reader.flag() == true, let primaries = reader.bits(8),
            let transfer = reader.bits(8), let matrix = reader.bits(8)
        else { return }
        colour = ColourDescription(primaries: primaries, transfer: transfer, matrix: matrix)
    }
}
