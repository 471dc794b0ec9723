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

/// Seconds since 1970 of an IMF-fixdate; nil for anything else. The two obsolete forms are not read: a
/// cache that can not read a date treats it as absent, which is safe.
public func parseHTTPDate(_ bytes: [UInt8]) -> Int64? {
    let parts = String(decoding: bytes, as: UTF8.self).split(separator: " ", omittingEmptySubsequences: false)
    guard bytes.count == 29, parts.count == 6, parts[0].count == 4, parts[5] == "GMT",
        let day = Int(parts[1]), (1...31).contains(day),
        let month = monthNames.firstIndex(of: String(parts[2])),
        let year = Int(parts[3]), (1970...9999).contains(year)
    else { return nil }
    let clock = parts[4].split(separator: ":", omittingEmptySubsequences: false).compactMap { Int($0) }
    guard clock.count == 3, (0...23).contains(clock[0]), (0...59).contains(clock[1]), (0...60).contains(clock[2]) else {
        return nil
    }
    return Int64(daysSince1970(year: year, month: month + 1, day: day)) * 86400
        + Int64(clock[0] * 3600 + clock[1] * 60 + clock[2])
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
