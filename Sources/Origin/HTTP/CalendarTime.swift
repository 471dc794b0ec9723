// SPDX-License-Identifier: Apache-2.0

import Base
import Foundation

/// A UTC date and time, without any calendar object: HTTP and S3 dates are parsed and written for each request.
struct CalendarTime: Equatable {
    var year: Int
    var month: Int
    var day: Int
    var hour: Int
    var minute: Int
    var second: Int

    /// Seconds since 1970, not negative.
    init(seconds: Int64) {
        (year, month, day) = civilDate(daysSince1970: Int(seconds / 86400))
        let rest = Int(seconds % 86400)
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
    }

    /// Nil for what is no date from 1970 to 9999.
    init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        guard (1970...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        self.year = year
        self.month = month
        self.day = day
        self.hour = hour
        self.minute = minute
        self.second = second
        guard civilDate(daysSince1970: daysSince1970) == (year, month, day) else { return nil }
    }

    var seconds: Int64 { Int64(daysSince1970) * 86400 + Int64(hour * 3600 + minute * 60 + second) }

    /// The inverse of `civilDate`: counts from March, so that the leap day is the last of its year.
    private var daysSince1970: Int {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }

    private static let dayNames = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let monthNames = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    /// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7).
    var httpDate: String {
        let dayName = Self.dayNames[daysSince1970 % 7]
        return String(
            format: "%@, %02d %@ %04d %02d:%02d:%02d GMT", dayName, day, Self.monthNames[month - 1], year, hour,
            minute, second)
    }

    /// Reads the preferred form of an HTTP date; the obsolete forms give nil and so have no effect.
    init?(httpDate text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 6, parts[5] == "GMT", parts[0].hasSuffix(","), let day = Int(parts[1]),
            let month = Self.monthNames.firstIndex(of: String(parts[2])), let year = Int(parts[3])
        else { return nil }
        let time = parts[4].split(separator: ":").compactMap { Int($0) }
        guard time.count == 3 else { return nil }
        self.init(year: year, month: month + 1, day: day, hour: time[0], minute: time[1], second: time[2])
    }
}
