// SPDX-License-Identifier: Apache-2.0

import Base

/// `cors` and `compression`: what responses get beside what is stored.
extension EdgeConfiguration {
    private static let originsMax = 64
    private static let typesMax = 64

    /// Reads `cors:`, of the top level or then of a site: what the section does not say stays.
    mutating func readCrossOrigin(_ section: ConfigurationSection) {
        let key = "allowOrigins"
        if section.has(key) { crossOrigin.allowOrigins = section.strings(key) }
        crossOrigin.allowCredentials = section.boolean("allowCredentials", default: crossOrigin.allowCredentials)
        crossOrigin.maxAgeSeconds = section.integer(
            "maxAgeSeconds", default: crossOrigin.maxAgeSeconds, in: 0...604_800)
        for origin in crossOrigin.allowOrigins where origin != "*" && !isOrigin(origin) {
            section.report(
                key, "holds `\(origin)`; `*` alone, or origins such as https://www.example.com are allowed")
        }
        if crossOrigin.allowOrigins.count > 1, crossOrigin.allowOrigins.contains("*") {
            section.report(key, "holds `*` and other origins; `*` stands alone")
        }
        if crossOrigin.allowOrigins.count > Self.originsMax {
            section.report(
                key, "holds \(crossOrigin.allowOrigins.count) origins; \(Self.originsMax) at most are allowed")
        }
        // Fetch standard, CORS protocol: with credentials a browser does not accept `*`.
        if crossOrigin.allowCredentials, !crossOrigin.isSelective {
            section.report("allowCredentials", "is true; then `allowOrigins` has to name the origins, not `*`")
        }
    }

    /// A scheme, a host and a port, as browsers send them: lower case, no path, no slash at the end (RFC 6454 section 6.2).
    private func isOrigin(_ text: String) -> Bool {
        // A host name has 253 characters at most; a response's head has room for that much.
        guard text.utf8.count <= 300 else { return false }
        let parts = text.split(separator: "://", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, let first = parts[0].utf8.first, (0x61...0x7A).contains(first), !parts[1].isEmpty else {
            return false
        }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"): true
            case UInt8(ascii: ":"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "+"): true
            case UInt8(ascii: "/"): true
            default: false
            }
        } && !parts[1].contains("/")
    }

    mutating func readCompression(_ section: ConfigurationSection) {
        if section.has("types") { compression.types = section.strings("types") }
        for type in compression.types where !isContentType(type) {
            section.report("types", "holds `\(type)`; content types in lower case such as text/vtt are allowed")
        }
        if compression.types.count > Self.typesMax {
            section.report("types", "holds \(compression.types.count) types; \(Self.typesMax) at most are allowed")
        }
        compression.minimumBytes = section.bytes(
            "minimumBytes", default: compression.minimumBytes, in: 1...16 << 20)
        compression.maximumBytes = section.bytes(
            "maximumBytes", default: max(compression.maximumBytes, compression.minimumBytes),
            in: compression.minimumBytes...16 << 20)
    }

    private func isContentType(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        return parts.count == 2
            && parts.allSatisfy { part in
                !part.isEmpty
                    && part.utf8.allSatisfy { byte in
                        (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte)
                            || "-.+_".utf8.contains(byte)
                    }
            }
    }
}
