// SPDX-License-Identifier: Apache-2.0
//
// AWS Signature Version 4 for S3, as "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference
// describes it. Pure functions; S3Verifier and S3Presigner use them.

import Crypto
import Foundation

/// The part of a request that is signed.
struct SignedRequest {
    var method: String
    /// The decoded path.
    var path: String
    /// Decoded pairs, without `X-Amz-Signature`.
    var query: [(name: String, value: String)]
    /// Lower-case names with their values; exactly the headers that are signed.
    var headers: [(name: String, value: String)]
    /// Lower-case hex SHA-256 of the body, or one of the fixed words such as `UNSIGNED-PAYLOAD`.
    var payloadHash: String

    /// The names of the signed headers as `SignedHeaders` lists them.
    var signedHeaderNames: String { headers.map(\.name).sorted().joined(separator: ";") }

    /// The text whose hash is signed.
    var canonical: String {
        let encodedQuery = query.map { pair in
            (
                percentEncode(pair.name.utf8, keepingSlashes: false),
                percentEncode(pair.value.utf8, keepingSlashes: false)
            )
        }
        let sortedQuery = encodedQuery.sorted { $0 < $1 }.map { "\($0)=\($1)" }.joined(separator: "&")
        let sortedHeaders = headers.sorted { $0.name < $1.name }
            .map { "\($0.name):\(Self.collapseSpaces($0.value))\n" }.joined()
        return """
            \(method)
            \(percentEncode(path.utf8, keepingSlashes: true))
            \(sortedQuery)
            \(sortedHeaders)
            \(signedHeaderNames)
            \(payloadHash)
            """
    }

    /// Without spaces at the ends, and runs of spaces as one.
    private static func collapseSpaces(_ value: String) -> String {
        value.split(whereSeparator: { $0 == " " || $0 == "\t" }).joined(separator: " ")
    }
}

/// To what a signature is bound besides the request.
struct SignatureScope: Equatable {
    /// `yyyymmdd`.
    var date: String
    var region: String
    var service = "s3"

    var text: String { "\(date)/\(region)/\(service)/aws4_request" }
}

/// The signature in lower-case hexadecimal digits. `timestamp` is `yyyymmddThhmmssZ`.
func signatureV4(_ request: SignedRequest, timestamp: String, scope: SignatureScope, secretKey: String) -> String {
    let text = """
        AWS4-HMAC-SHA256
        \(timestamp)
        \(scope.text)
        \(hexText(SHA256.hash(data: Data(request.canonical.utf8))))
        """
    return hexText(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: signingKey(secretKey, scope)))
}

/// The key of a day, region and service, derived from the secret key.
func signingKey(_ secretKey: String, _ scope: SignatureScope) -> SymmetricKey {
    var key = SymmetricKey(data: Data("AWS4\(secretKey)".utf8))
    for part in [scope.date, scope.region, scope.service, "aws4_request"] {
        key = SymmetricKey(data: Data(HMAC<SHA256>.authenticationCode(for: Data(part.utf8), using: key)))
    }
    return key
}

/// `yyyymmddThhmmssZ` of seconds since 1970.
func formatAmazonDate(seconds: Int64) -> String {
    let date = CalendarTime(seconds: seconds)
    return String(
        format: "%04d%02d%02dT%02d%02d%02dZ", date.year, date.month, date.day, date.hour, date.minute, date.second)
}

/// Seconds since 1970 of `yyyymmddThhmmssZ`; nil for anything else.
func parseAmazonDate(_ text: String) -> Int64? {
    let bytes = Array(text.utf8)
    guard bytes.count == 16, bytes[8] == UInt8(ascii: "T"), bytes[15] == UInt8(ascii: "Z") else { return nil }
    func number(_ range: Range<Int>) -> Int? {
        bytes[range].reduce(0) { (sum: Int?, byte: UInt8) in
            guard let sum, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            return sum * 10 + Int(byte - UInt8(ascii: "0"))
        }
    }
    guard let year = number(0..<4), let month = number(4..<6), let day = number(6..<8), let hour = number(9..<11),
        let minute = number(11..<13), let second = number(13..<15)
    else { return nil }
    return CalendarTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)?.seconds
}
