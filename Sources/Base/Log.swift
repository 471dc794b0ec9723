// SPDX-License-Identifier: Apache-2.0
//
// The log: one JSON object a line on standard error, written with a single write(2) so that lines of
// several threads and processes never mix. It holds no state but the level, which is set once at start.

import CLinux
import Synchronization

/// Structured log lines: `{"time":"…","level":"info","program":"edge","message":"…","key":"value"}`.
public enum Log {
    public enum Level: Int, Sendable, CaseIterable, Comparable {
        case debug, info, warning, error

        public static func < (left: Level, right: Level) -> Bool { left.rawValue < right.rawValue }

        public var name: String {
            switch self {
            case .debug: "debug"
            case .info: "info"
            case .warning: "warning"
            case .error: "error"
            }
        }

        public init?(name: String) {
            guard let level = Level.allCases.first(where: { $0.name == name }) else { return nil }
            self = level
        }
    }

    private static let threshold = Atomic<Int>(Level.info.rawValue)
    private static let programName = Mutex("spillway")

    /// Sets the least level that is written and the name of the program; call once at start.
    public static func configure(program: String, level: Level) {
        programName.withLock { $0 = program }
        threshold.store(level.rawValue, ordering: .relaxed)
    }

    public static func debug(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.debug, message, fields)
    }

    public static func info(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.info, message, fields)
    }

    public static func warning(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.warning, message, fields)
    }

    public static func error(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) {
        write(.error, message, fields)
    }

    /// Writes one line; `fields` must hold no secret: tokens and keys never enter a log.
    public static func write(_ level: Level, _ message: String, _ fields: KeyValuePairs<String, String>) {
        guard level.rawValue >= threshold.load(ordering: .relaxed) else { return }
        var line = "{\"time\":\"\(timestamp())\",\"level\":\"\(level.name)\",\"program\":"
        line += jsonString(programName.withLock { $0 })
        line += ",\"message\":" + jsonString(message)
        for (key, value) in fields { line += "," + jsonString(key) + ":" + jsonString(value) }
        line += "}\n"
        line.withUTF8 { bytes in
            // A log that can not be written must not stop the service.
            _ = spw_write_log(bytes.baseAddress, bytes.count)
        }
    }

    /// The present instant as RFC 3339 with milliseconds, UTC.
    static func timestamp() -> String {
        let milliseconds = Clock.wallMilliseconds()
        return formatTimestamp(seconds: milliseconds / 1000, milliseconds: milliseconds % 1000)
    }
}

/// A text as a JSON string literal, quotes included (RFC 8259 section 7).
public func jsonString(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
        switch scalar {
        case "\"": out += "\\\""
        case "\\": out += "\\\\"
        case "\n": out += "\\n"
        case "\r": out += "\\r"
        case "\t": out += "\\t"
        case let control where control.value < 0x20 || control.value == 0x7F:
            let hex = String(control.value, radix: 16)
            out += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
        default: out.unicodeScalars.append(scalar)
        }
    }
    return out + "\""
}

/// RFC 3339 in UTC with milliseconds: `2026-01-31T12:00:00.250Z`.
public func formatTimestamp(seconds: Int64, milliseconds: Int64) -> String {
    let (year, month, day) = civilDate(daysSince1970: Int(seconds / 86400))
    let second = Int(seconds % 86400)
    func pad(_ value: Int, _ width: Int) -> String {
        let digits = String(value)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
    return "\(pad(year, 4))-\(pad(month, 2))-\(pad(day, 2))T\(pad(second / 3600, 2)):\(pad(second / 60 % 60, 2)):"
        + "\(pad(second % 60, 2)).\(pad(Int(milliseconds), 3))Z"
}

/// The Gregorian date of a day number (day 0 is 1970-01-01), for days from 1970 on.
public func civilDate(daysSince1970 days: Int) -> (year: Int, month: Int, day: Int) {
    // Counts from 0000-03-01, so that the leap day is the last of its year.
    let shifted = days + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted - era * 146_097
    let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let monthIndex = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * monthIndex + 2) / 5 + 1
    let month = monthIndex < 10 ? monthIndex + 3 : monthIndex - 9
    return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, day)
}
