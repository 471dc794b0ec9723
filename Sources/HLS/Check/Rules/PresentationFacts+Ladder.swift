// SPDX-License-Identifier: Apache-2.0

extension PresentationFacts {
    private static let cellularBitsPerSecondMax = 192_000
    private static let defaultRates = [2_000_000, 730_000]
    private static let heightOfHD = 720

    /// The variants beside each other (Apple's sections 1, 2 and 9).
    func checkLadder(into findings: inout FindingList) {
        guard let multivariant else { return }
        let variants = multivariant.variants.filter { stream in
            stream.resolution != nil || rendition(stream.uri)?.video != nil
        }
        if !variants.isEmpty {
            checkRatesOfLadder(variants, multivariant.place, &findings)
            checkSizes(variants, multivariant.place, &findings)
        }
        checkCellular(multivariant, &findings)
        checkSound(multivariant, &findings)
    }

    /// Sound alone is a variant too: it goes on where the line is too thin for pictures.
    private func checkCellular(_ multivariant: MultivariantFacts, _ findings: inout FindingList) {
        guard let least = multivariant.variants.compactMap(\.bandwidth).min(), least > Self.cellularBitsPerSecondMax
        else { return }
        findings.add(.cellular, multivariant.place, "the lowest BANDWIDTH is \(least)")
    }

    private func checkRatesOfLadder(
        _ variants: [MultivariantFacts.Stream], _ place: String, _ findings: inout FindingList
    ) {
        if Set(variants.map(\.uri)).count < 2 {
            findings.add(.severalBitRates, place, "there is one bit rate of video")
        }
        let averages = variants.compactMap { $0.averageBandwidth ?? $0.bandwidth }
        guard averages.count == variants.count, let first = averages.first else { return }
        let isNearest = Self.defaultRates.contains { rate in averages.allSatisfy { abs(first - rate) <= abs($0 - rate) }
        }
        if !isNearest {
            findings.add(
                .firstVariant, "\(place):\(variants[0].line)",
                "the first variant has an average of \(first); another one is nearer to 2000 kb/s, and one to 730 kb/s")
        }
    }

    private func checkSizes(_ variants: [MultivariantFacts.Stream], _ place: String, _ findings: inout FindingList) {
        let sizes = variants.compactMap { stream in
            (rendition(stream.uri)?.video?.displaySize ?? stream.resolution).map { (stream: stream, size: $0) }
        }
        guard let top = sizes.map(\.size).max(by: { $0.width * $0.height < $1.width * $1.height }) else { return }
        for (stream, size) in sizes where !Self.hasAspect(size, of: top) {
            findings.add(.aspectRatio, "\(place):\(stream.line)", "\(size) has another aspect ratio than \(top)")
        }
        if min(top.width, top.height) >= Self.heightOfHD, sizes.count(where: { $0.size == top }) < 2 {
            findings.add(.twoAtTheTop, place, "one variant has the highest resolution, \(top)")
        }
        let colours = Set(variants.compactMap { rendition($0.uri)?.video?.colour })
        if colours.count > 1 {
            findings.add(.colourSpace, place, "the variants have \(colours.count) colour spaces")
        }
    }

    /// The same ratio exactly; or within one percent where no even size of nearly that height has it.
    private static func hasAspect(_ size: PictureSize, of top: PictureSize) -> Bool {
        guard size.width > 0, size.height > 0, top.width > 0, top.height > 0 else { return false }
        if size.width * top.height == size.height * top.width { return true }
        let heights = stride(from: size.height * 19 / 20 / 2 * 2, through: size.height * 21 / 20, by: 2)
        let isPossible = heights.contains { height in
            height > 0 && (height * top.width).isMultiple(of: 2 * top.height)
                && height * top.width / top.height <= top.width
        }
        if isPossible { return false }
        let difference = abs(size.width * top.height - size.height * top.width)
        return Double(difference) <= 0.01 * Double(size.height * top.width)
    }

    private func checkSound(_ multivariant: MultivariantFacts, _ findings: inout FindingList) {
        let sounds = played.compactMap(\.audio)
        let isStereo = sounds.contains { $0.audio?.isAAC == true && $0.audio?.channels == 2 }
        if !sounds.isEmpty, !isStereo {
            findings.add(.stereo, multivariant.place, "no sound is stereo AAC")
        }
    }
}
