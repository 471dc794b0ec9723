// SPDX-License-Identifier: Apache-2.0

import Net

/// What a player says that it will ask for next: the key `nor` of Common Media Client Data (CTA-5004 section 3). Everything
/// else of it is left aside, the range `nrr` too.
enum CMCDHint {
    /// The query parameter with its equals sign.
    static let parameter: StaticString = "CMCD="
    /// Longer data is not read.
    static let bytesMax = 4096

    /// The reference in the value of the query parameter, which is percent-encoded as a whole; nil for none.
    static func nextObject(inParameter value: UnsafeRawBufferPointer) -> [UInt8]? {
        guard value.count <= bytesMax, let decoded = percentDecoded(value) else { return nil }
        return decoded.withUnsafeBytes { nextObject(in: $0) }
    }

    /// The reference in the value of the field `CMCD-Request`; nil for none.
    static func nextObject(in value: UnsafeRawBufferPointer) -> [UInt8]? {
        guard value.count <= bytesMax else { return nil }
        var position = 0
        while position < value.count {
            let keyEnd = end(of: value, from: position) { $0 == UInt8(ascii: "=") || $0 == UInt8(ascii: ",") }
            let isNext = value.slice(position..<keyEnd).trimmed().equals("nor")
            position = keyEnd
            if position < value.count, value[position] == UInt8(ascii: "=") {
                guard let text = takeValue(value, at: &position) else { return nil }
                if isNext { return text.isEmpty ? nil : text.withUnsafeBytes { percentDecoded($0) } }
            }
            position += 1
        }
        return nil
    }

    /// Reads what stands behind an equals sign, up to the comma: a string in quotes without them (RFC 8941 section 3.3.3),
    /// or a token or number as it is. Nil for a string without an end.
    private static func takeValue(_ value: UnsafeRawBufferPointer, at position: inout Int) -> [UInt8]? {
        let start = position + 1
        let isComma: (UInt8) -> Bool = { $0 == UInt8(ascii: ",") }
        guard start < value.count, value[start] == UInt8(ascii: "\"") else {
            position = end(of: value, from: start, where: isComma)
            return Array(value.slice(min(start, position)..<position))
        }
        var text: [UInt8] = []
        var index = start + 1
        while index < value.count {
            switch value[index] {
            case UInt8(ascii: "\""):
                position = end(of: value, from: index, where: isComma)
                return text
            case UInt8(ascii: "\\"):
                index += 1
                guard index < value.count else { return nil }
                text.append(value[index])
            default: text.append(value[index])
            }
            index += 1
        }
        return nil
    }

    private static func end(
        of value: UnsafeRawBufferPointer, from start: Int, where isEnd: (UInt8) -> Bool
    ) -> Int {
        var index = min(start, value.count)
        while index < value.count, !isEnd(value[index]) { index += 1 }
        return index
    }

    /// Nil when a percent sign is not followed by two hexadecimal digits.
    private static func percentDecoded(_ text: UnsafeRawBufferPointer) -> [UInt8]? {
        var decoded: [UInt8] = []
        decoded.reserveCapacity(text.count)
        var index = 0
        while index < text.count {
            guard text[index] == UInt8(ascii: "%") else {
                decoded.append(text[index])
                index += 1
                continue
            }
            guard index + 2 < text.count, let high = digit(text[index + 1]), let low = digit(text[index + 2]) else {
                return nil
            }
            decoded.append(high << 4 | low)
            index += 3
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
