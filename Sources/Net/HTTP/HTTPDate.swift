// SPDX-License-Identifier: Apache-2.0

import Base

private let monthNames = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
private let dayNames = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]

/// IMF-fixdate of seconds since 1970: `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
public func formatHTTPDate(seconds: Int64) -> String {
    let days = Int(seconds / 86400)
    let (year, month, day) = civilDate(daysSince1970: days)
    let second = Int(seconds % 86400)
    func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
    return "\(dayNames[days % 7]), \(two(day)) \(monthNames[month - 1]) \(year) "
        + "\(two(second / 3600)):\(two(second / 60 % 60)):\(two(second % 60)) GMT"
}

/// Seconds since 1970 of a date in one of the three forms of RFC 9110 section 5.6.7; nil for anything else.
public func parseHTTPDate(_ bytes: [UInt8]) -> Int64? {
    bytes.withUnsafeBytes { parseHTTPDate($0) }
}

/// The same for borrowed bytes.
///
/// IMF-fixdate: `Sun, 06 Nov 1994 08:49:37 GMT`. The obsolete ones: `Sunday, 06-Nov-94 08:49:37 GMT`, whose year is
/// taken for one of the last fifty where the present century would put it further ahead, and `Sun Nov  6 08:49:37 1994`.
/// The name of the day is not compared with the date.
public func parseHTTPDate(_ bytes: UnsafeRawBufferPointer) -> Int64? {
    var cursor = DateCursor(bytes)
    guard let dayName = cursor.word() else { return nil }
    let date: (day: Int, month: Int, year: Int)?
    if cursor.skip(", ") {
        let separator: UInt8 = dayName.count == 3 ? 0x20 : UInt8(ascii: "-")
        guard dayName.count == 3 || dayName.count >= 6, let day = cursor.number(2), cursor.skip(separator),
            let month = cursor.month(), cursor.skip(separator),
            let year = cursor.number(dayName.count == 3 ? 4 : 2), cursor.skip(" "), let second = cursor.time(),
            cursor.skip(" GMT"), cursor.isAtEnd
        else { return nil }
        date = (day, month, dayName.count == 3 ? year : fullYear(year))
        return seconds(date, second)
    }
    guard dayName.count == 3, cursor.skip(" "), let month = cursor.month(), cursor.skip(" "),
        let day = cursor.skip(" ") ? cursor.number(1) : cursor.number(2), cursor.skip(" "),
        let second = cursor.time(), cursor.skip(" "), let year = cursor.number(4), cursor.isAtEnd
    else { return nil }
    date = (day, month, year)
    return seconds(date, second)
}

private func seconds(_ date: (day: Int, month: Int, year: Int)?, _ second: Int) -> Int64? {
    guard let date, (1...31).contains(date.day), (1970...9999).contains(date.year) else { return nil }
    return Int64(daysSince1970(year: date.year, month: date.month, day: date.day)) * 86400 + Int64(second)
}

/// RFC 9110 section 5.6.7: two digits that seem to lie more than 50 years ahead are of the past.
private func fullYear(_ twoDigits: Int) -> Int {
    let present = civilDate(daysSince1970: Int(Clock.wallSeconds() / 86400)).year
    let year = present - present % 100 + twoDigits
    return year > present + 50 ? year - 100 : year
}

/// Reads a date from its front.
private struct DateCursor {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    /// Letters, one at least.
    mutating func word() -> UnsafeRawBufferPointer? {
        let start = position
        while position < bytes.count, (0x61...0x7A).contains(bytes[position] | 0x20) { position += 1 }
        return position > start ? bytes.slice(start..<position) : nil
    }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    mutating func skip(_ text: StaticString) -> Bool {
        guard bytes.slice(position..<bytes.count).hasPrefix(text) else { return false }
        position += text.utf8CodeUnitCount
        return true
    }

    /// A number of exactly so many digits.
    mutating func number(_ digits: Int) -> Int? {
        guard position + digits <= bytes.count, let value = bytes.slice(position..<position + digits).decimal else {
            return nil
        }
        position += digits
        return value
    }

    /// 1 to 12.
    mutating func month() -> Int? {
        guard let name = word() else { return nil }
        return monthNames.firstIndex { name.elementsEqual($0.utf8) }.map { $0 + 1 }
    }

    /// `08:49:37` as the second of the day.
    mutating func time() -> Int? {
        guard let hour = number(2), hour < 24, skip(":"), let minute = number(2), minute < 60, skip(":"),
            let second = number(2), second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }
}

/// The day number of a Gregorian date, the inverse of `civilDate`.
private func daysSince1970(year: Int, month: Int, day: Int) -> Int {
    let shiftedYear = month <= 2 ? year - 1 : year
    let era = shiftedYear / 400
    let yearOfEra = shiftedYear - era * 400
    let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
    let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
    return era * 146_097 + dayOfEra - 719_468
}
