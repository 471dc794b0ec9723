// SPDX-License-Identifier: Apache-2.0

/// What a request's `Priority` field says (RFC 9218 section 4): a dictionary of structured fields with the members `u`
/// (urgency, 0 to 7) and `i` (incremental). Pure. A member that can not be read, or whose value is out of range, is
/// passed over; so are members and parameters that are not known.
struct PriorityField: Equatable {
    /// 0 is the most urgent.
    var urgency: UInt32 = 3
    /// The response is of use in pieces: it shares the connection with others of its urgency.
    var isIncremental = false

    init(_ value: UnsafeRawBufferPointer) {
        var start = 0
        while start < value.count {
            let end = Self.endOfMember(value, from: start)
            take(value.slice(start..<end).trimmed())
            start = end + 1
        }
    }

    private mutating func take(_ member: UnsafeRawBufferPointer) {
        let end = member.position(of: UInt8(ascii: ";")) ?? member.count
        let member = member.slice(0..<end).trimmed()
        if member.count == 3, member.hasPrefix("u="), (0x30...0x37).contains(member[2]) {
            urgency = UInt32(member[2] - 0x30)
        } else if member.equals("i") || member.equals("i=?1") {
            isIncremental = true
        } else if member.equals("i=?0") {
            isIncremental = false
        }
    }

    /// The next comma outside of a string.
    private static func endOfMember(_ value: UnsafeRawBufferPointer, from start: Int) -> Int {
        var isInString = false
        var index = start
        while index < value.count {
            switch value[index] {
            case UInt8(ascii: "\\") where isInString: index += 1
            case UInt8(ascii: "\""): isInString.toggle()
            case UInt8(ascii: ",") where !isInString: return index
            default: break
            }
            index += 1
        }
        return value.count
    }
}
