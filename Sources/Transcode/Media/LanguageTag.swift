// SPDX-License-Identifier: Apache-2.0

/// Language tags for playlists (RFC 5646) from the three-letter codes that media files hold (ISO 639-2).
enum LanguageTag {
    /// RFC 5646 section 2.2.1 asks for the two-letter code where there is one; both forms of ISO 639-2 are here.
    private static let short = [
        "ara": "ar", "bul": "bg", "cat": "ca", "ces": "cs", "cze": "cs", "chi": "zh", "zho": "zh", "dan": "da",
        "deu": "de", "ger": "de", "ell": "el", "gre": "el", "eng": "en", "est": "et", "fas": "fa", "per": "fa",
        "fin": "fi", "fra": "fr", "fre": "fr", "heb": "he", "hin": "hi", "hrv": "hr", "hun": "hu", "ind": "id",
        "isl": "is", "ice": "is", "ita": "it", "jpn": "ja", "kor": "ko", "lav": "lv", "lit": "lt", "msa": "ms",
        "may": "ms", "nld": "nl", "dut": "nl", "nor": "no", "pol": "pl", "por": "pt", "ron": "ro", "rum": "ro",
        "rus": "ru", "slk": "sk", "slo": "sk", "slv": "sl", "spa": "es", "srp": "sr", "swe": "sv", "tam": "ta",
        "tel": "te", "tha": "th", "tur": "tr", "ukr": "uk", "urd": "ur", "vie": "vi",
    ]

    /// The tag for a file's code; `und` for what is not a code of two or three letters.
    static func fromISO639(_ code: String) -> String {
        let lower = code.lowercased()
        guard (2...3).contains(lower.utf8.count), lower.utf8.allSatisfy({ (0x61...0x7A).contains($0) }) else {
            return "und"
        }
        return short[lower] ?? lower
    }
}
