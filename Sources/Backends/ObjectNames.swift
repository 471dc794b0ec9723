// SPDX-License-Identifier: Apache-2.0

/// The rules for names of buckets and keys. They are far stricter than S3's, so that a key can be a path of a file
/// system, a path of a URL and an S3 key without any escaping in between.
public enum ObjectNames {
    /// The longest key in bytes.
    public static let keyBytesMax = 512
    /// The longest component of a key in bytes; leaves room for the suffix of a file name (255 on Linux).
    public static let componentBytesMax = 200

    /// Nil when `bucket` may name a bucket: 3 to 63 lower-case letters, digits and `-`. Otherwise what is wrong.
    public static func problem(bucket: String) -> String? {
        let allowed = bucket.utf8.allSatisfy { isLowerCaseOrDigit($0) || $0 == UInt8(ascii: "-") }
        guard (3...63).contains(bucket.utf8.count), allowed else {
            return "a bucket's name has 3 to 63 lower-case letters, digits and hyphens"
        }
        return nil
    }

    /// Nil when `key` may name an object: components of letters, digits, `-`, `_` and `.`, joined by single slashes,
    /// none of them `.` or `..`. Otherwise what is wrong.
    public static func problem(key: String) -> String? {
        guard (1...keyBytesMax).contains(key.utf8.count) else { return "a key has 1 to \(keyBytesMax) bytes" }
        for component in key.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
            guard (1...componentBytesMax).contains(component.count) else {
                return "each part of a key between slashes has 1 to \(componentBytesMax) bytes"
            }
            guard component.allSatisfy(isKeyCharacter) else {
                return "a key consists of letters, digits, -, _, . and /"
            }
            guard !component.allSatisfy({ $0 == UInt8(ascii: ".") }) else { return "a key has no part of dots alone" }
        }
        return nil
    }

    private static func isLowerCaseOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: false
        }
    }

    private static func isKeyCharacter(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."): true
        default: isLowerCaseOrDigit(byte)
        }
    }
}
