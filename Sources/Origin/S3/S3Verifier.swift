// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Hummingbird

/// How the bytes of a body are sent and what of them was signed.
enum S3Payload {
    /// As they are, unsigned.
    case unsigned
    /// As they are; their SHA-256 (lower-case hex) was signed.
    case hashed(String)
    /// In `aws-chunked` framing, with checksums behind or with a signature for each chunk.
    case chunked(ChunkSignatures?)
}

/// A request whose signature was found good.
struct S3VerifiedRequest {
    var accessKey: String
    var payload: S3Payload
}

/// Checks Signature Version 4 of a request, in the `Authorization` header or in the query of a presigned URL.
struct S3Verifier: Sendable {
    let credentials: S3Credentials
    /// How far a client's clock may be off, in seconds (15 minutes, as at S3).
    static let clockSkewSeconds: Int64 = 900
    /// The longest life of a presigned URL in seconds (7 days, as at S3).
    static let presignSecondsMax: Int64 = 604_800
    private static let algorithm = "AWS4-HMAC-SHA256"

    /// Throws the `S3Error` that S3 would answer. `now` is in seconds since 1970.
    func verify(_ head: HTTPRequest, target: S3Target, now: Int64) throws(S3Error) -> S3VerifiedRequest {
        if let authorization = head.headerFields[.authorization] {
            guard target.query("X-Amz-Signature") == nil else {
                throw .invalidArgument(
                    "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, "
                        + "Signature query string parameter or the Authorization header should be specified")
            }
            return try verifyHeader(authorization, head, target, now)
        }
        guard target.query("X-Amz-Signature") != nil else { throw .accessDenied("Access Denied") }
        return try verifyPresigned(head, target, now)
    }

    private func verifyHeader(_ authorization: String, _ head: HTTPRequest, _ target: S3Target, _ now: Int64)
        throws(S3Error) -> S3VerifiedRequest
    {
        let malformed = S3Error(
            .badRequest, "AuthorizationHeaderMalformed", "The authorization header that you provided is not valid.")
        guard authorization.hasPrefix(Self.algorithm + " ") else {
            throw .invalidArgument("Only \(Self.algorithm) is supported")
        }
        var fields: [Substring: Substring] = [:]
        for field in authorization.dropFirst(Self.algorithm.count + 1).split(separator: ",") {
            let halves = field.drop(while: { $0 == " " }).split(separator: "=", maxSplits: 1)
            guard halves.count == 2 else { throw malformed }
            fields[halves[0]] = halves[1]
        }
        guard let credential = fields["Credential"], let signedHeaders = fields["SignedHeaders"],
            let signature = fields["Signature"], let (accessKey, scope) = Self.parseCredential(credential)
        else { throw malformed }
        guard let timestamp = head.headerFields[.amzDate], let seconds = parseAmazonDate(timestamp) else {
            throw .accessDenied("AWS authentication requires a valid x-amz-date header")
        }
        guard timestamp.hasPrefix(scope.date) else { throw malformed }
        guard abs(now - seconds) <= Self.clockSkewSeconds else { throw .requestTimeTooSkewed }
        guard let contentHash = head.headerFields[.amzContentSHA256] else {
            throw S3Error(
                .badRequest, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
        }
        let request = SignedRequest(
            method: head.method.rawValue, path: target.path, query: target.query,
            headers: try signedHeaderFields(signedHeaders, head), payloadHash: contentHash)
        let secretKey = try check(request, timestamp, scope, accessKey, signature)
        func signatures(coveringTrailers: Bool) -> ChunkSignatures {
            ChunkSignatures(
                secretKey: secretKey, timestamp: timestamp, scope: scope, requestSignature: String(signature),
                coversTrailers: coveringTrailers)
        }
        let payload: S3Payload =
            switch contentHash {
            case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD": .chunked(signatures(coveringTrailers: false))
            case "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER": .chunked(signatures(coveringTrailers: true))
            default: try Self.payload(contentHash)
            }
        return S3VerifiedRequest(accessKey: accessKey, payload: payload)
    }

    private func verifyPresigned(_ head: HTTPRequest, _ target: S3Target, _ now: Int64)
        throws(S3Error) -> S3VerifiedRequest
    {
        func malformed(_ message: String) -> S3Error {
            S3Error(.badRequest, "AuthorizationQueryParametersError", message)
        }
        let names = ["Algorithm", "Credential", "Date", "Expires", "SignedHeaders", "Signature"]
        let values = names.map { target.query("X-Amz-" + $0) }
        guard !values.contains(nil) else {
            throw malformed(
                "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, "
                    + "X-Amz-Signature, X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.")
        }
        let (algorithm, credential, timestamp) = (values[0] ?? "", values[1] ?? "", values[2] ?? "")
        guard algorithm == Self.algorithm else { throw malformed("X-Amz-Algorithm only supports \(Self.algorithm)") }
        guard let (accessKey, scope) = Self.parseCredential(credential[...]), timestamp.hasPrefix(scope.date),
            let start = parseAmazonDate(timestamp)
        else { throw malformed("Error parsing the X-Amz-Credential or X-Amz-Date parameter") }
        guard let lifetime = Int64(values[3] ?? ""), (1...Self.presignSecondsMax).contains(lifetime) else {
            throw malformed("X-Amz-Expires must be between 1 and \(Self.presignSecondsMax) seconds")
        }
        guard now <= start + lifetime else { throw .accessDenied("Request has expired") }
        guard start <= now + Self.clockSkewSeconds else { throw .accessDenied("Request is not valid yet") }
        let contentHash = head.headerFields[.amzContentSHA256] ?? "UNSIGNED-PAYLOAD"
        let request = SignedRequest(
            method: head.method.rawValue, path: target.path,
            query: target.query.filter { $0.name != "X-Amz-Signature" },
            headers: try signedHeaderFields((values[4] ?? "")[...], head), payloadHash: contentHash)
        _ = try check(request, timestamp, scope, accessKey, (values[5] ?? "")[...])
        return S3VerifiedRequest(accessKey: accessKey, payload: try Self.payload(contentHash))
    }

    /// Throws unless the signature is right; returns the secret that it was made with.
    private func check(
        _ request: SignedRequest, _ timestamp: String, _ scope: SignatureScope, _ accessKey: String,
        _ signature: Substring
    ) throws(S3Error) -> String {
        guard scope.service == "s3" else { throw .signatureDoesNotMatch }
        guard let secretKey = credentials.secretKey(of: accessKey) else { throw .invalidAccessKeyId }
        let expected = signatureV4(request, timestamp: timestamp, scope: scope, secretKey: secretKey)
        guard equalInConstantTime(expected.utf8, signature.utf8) else { throw .signatureDoesNotMatch }
        return secretKey
    }

    /// `KEY/yyyymmdd/region/service/aws4_request`.
    private static func parseCredential(_ text: Substring) -> (accessKey: String, scope: SignatureScope)? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 5, parts[4] == "aws4_request", parts[1].count == 8 else { return nil }
        let scope = SignatureScope(date: String(parts[1]), region: String(parts[2]), service: String(parts[3]))
        return (String(parts[0]), scope)
    }

    private static func payload(_ contentHash: String) throws(S3Error) -> S3Payload {
        switch contentHash {
        case "UNSIGNED-PAYLOAD": return .unsigned
        case "STREAMING-UNSIGNED-PAYLOAD-TRAILER": return .chunked(nil)
        case _ where contentHash.hasPrefix("STREAMING-"): throw .notImplemented("x-amz-content-sha256: \(contentHash)")
        default:
            let isHash = contentHash.utf8.count == 64 && contentHash.allSatisfy { $0.isHexDigit && !$0.isUppercase }
            guard isHash else {
                throw .invalidArgument(
                    "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, "
                        + "STREAMING-UNSIGNED-PAYLOAD-TRAILER or a valid sha256 value.")
            }
            return .hashed(contentHash)
        }
    }

    /// The values of the signed headers. `host` and every `x-amz-` header must be among them, or a request could be
    /// changed on its way without breaking the signature.
    private func signedHeaderFields(_ names: Substring, _ head: HTTPRequest)
        throws(S3Error) -> [(name: String, value: String)]
    {
        var fields: [(name: String, value: String)] = []
        for name in names.split(separator: ";") {
            if name == "host" {
                fields.append(("host", head.authority ?? ""))
                continue
            }
            guard let fieldName = HTTPField.Name(String(name)), let value = head.headerFields[fieldName] else {
                throw .signatureDoesNotMatch
            }
            fields.append((String(name), value))
        }
        guard fields.contains(where: { $0.name == "host" }) else {
            throw .accessDenied("The header host must be signed")
        }
        for field in head.headerFields where field.name.canonicalName.hasPrefix("x-amz-") {
            guard fields.contains(where: { $0.name == field.name.canonicalName }) else {
                throw .accessDenied("There were headers present in the request which were not signed")
            }
        }
        return fields
    }
}

extension HTTPField.Name {
    static let amzDate = Self("x-amz-date")!
    static let amzContentSHA256 = Self("x-amz-content-sha256")!
    static let amzDecodedContentLength = Self("x-amz-decoded-content-length")!
    static let amzRequestID = Self("x-amz-request-id")!
    static let contentMD5 = Self("content-md5")!
}
