// SPDX-License-Identifier: Apache-2.0

/// Reads dates as RFC 9111 section 4.2 asks a cache to: like the three forms of RFC 9110 section 5.6.7, in any case, with
/// `GMT` as the zone and no other name for it. Anything else is no date, which for `Expires` means the past.
///
/// `Net` has a stricter reader for the conditions of requests.
enum CacheDate {
    /// Seconds since 1970; nil for anything that is no date. `presentSeconds` says which century two digits belong to.
    static func parse(_ value: [UInt8], presentSeconds: Int64) -> Int64? {
        var cursor = Cursor(value)
        guard let day = cursor.word() else { return nil }
        if cursor.skip(",") {
            guard cursor.skip(" ") else { return nil }
            if day.count == 3 { return fixedDate(&cursor) }
            return day.count >= 6 ? obsoleteDate(&cursor, presentSeconds) : nil
        }
        return day.count == 3 ? timeOfC(&cursor) : nil
    }

    /// `06 Nov 1994 08:49:37 GMT`
    private static func fixedDate(_ cursor: inout Cursor) -> Int64? {
        guard let day = cursor.number(2), cursor.skip(" "), let month = cursor.month(), cursor.skip(" "),
            let year = cursor.number(4), cursor.skip(" "), let second = cursor.time(), cursor.zone(), cursor.isAtEnd
        else { return nil }
        return seconds(year, month, day, second)
    }

    /// `06-Nov-94 08:49:37 GMT`. Years that seem to lie more than 50 years ahead are of the past.
    private static func obsoleteDate(_ cursor: inout Cursor, _ presentSeconds: Int64) -> Int64? {
        guard let day = cursor.number(2), cursor.skip("-"), let month = cursor.month(), cursor.skip("-"),
            let digits = cursor.number(2), cursor.skip(" "), let second = cursor.time(), cursor.zone(), cursor.isAtEnd
        else { return nil }
        // Close enough to the calendar for a window of a hundred years.
        let present = 1970 + Int(DeltaSeconds.clamped(presentSeconds) / 31_556_952)
        let year = present - present % 100 + digits
        return seconds(year > present + 50 ? year - 100 : year, month, day, second)
    }

    /// `Nov  6 08:49:37 1994`
    private static func timeOfC(_ cursor: inout Cursor) -> Int64? {
        guard cursor.skip(" "), let month = cursor.month(), cursor.skip(" "),
            let day = cursor.skip(" ") ? cursor.number(1) : cursor.number(2), cursor.skip(" "),
            let second = cursor.time(), cursor.skip(" "), let year = cursor.number(4), cursor.isAtEnd
        else { return nil }
        return seconds(year, month, day, second)
    }

    /// Days are counted from 1 March of the year 0, so that a leap day is the last of its year.
    private static func seconds(_ year: Int, _ month: Int, _ day: Int, _ second: Int) -> Int64? {
        guard (1...31).contains(day), year >= 1 else { return nil }
        let marchYear = month <= 2 ? year - 1 : year
        let monthsSinceMarch = (month + 9) % 12
        let leapDays = marchYear / 4 - marchYear / 100 + marchYear / 400
        let days = marchYear * 365 + leapDays + (monthsSinceMarch * 153 + 2) / 5 + day - 1
        return Int64(days - 719_468) * 86_400 + Int64(second)
    }
}

extension CacheDate {
    private static let months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]

    /// Reads a date from its front.
    private struct Cursor {
        private let bytes: [UInt8]
        private var position = 0

        init(_ bytes: [UInt8]) {
            self.bytes = bytes
        }

        var isAtEnd: Bool { position == bytes.count }

        /// Letters, one at least, in lower case.
        mutating func word() -> [UInt8]? {
            let word = bytes[position...].prefix { (0x61...0x7A).contains($0 | 0x20) }
            position += word.count
            return word.isEmpty ? nil : word.lowercase
        }

        mutating func skip(_ character: Unicode.Scalar) -> Bool {
            guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
            position += 1
            return true
        }

        /// A number of exactly so many digits.
        mutating func number(_ count: Int) -> Int? {
            let digits = bytes[position...].prefix(count)
            guard digits.count == count, digits.allSatisfy(isDigit) else { return nil }
            position += count
            return digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
        }

        /// 1 to 12.
        mutating func month() -> Int? {
            guard let name = word() else { return nil }
            return months.firstIndex { name.elementsEqual($0.utf8) }.map { $0 + 1 }
        }

        /// `08:49:37` as the second of the day.
        mutating func time() -> Int? {
            guard let hour = number(2), hour < 24, skip(":"), let minute = number(2), minute < 60, skip(":"),
                let second = number(2), second <= 60
            else { return nil }
            return hour * 3600 + minute * 60 + second
        }

        mutating func zone() -> Bool {
            guard skip(" "), let zone = word() else { return false }
            return zone.isEqual("gmt")
        }
    }
}
