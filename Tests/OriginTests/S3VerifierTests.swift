// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Testing

@testable import Origin

/// Which signed requests are let in, and with which error the others are refused.
@Suite struct S3VerifierTests {
    static let now: Int64 = 1_800_000_000
    let credential = S3Credential(accessKey: "KEY", secretKey: "a-secret-of-some-length")
    var verifier: S3Verifier { S3Verifier(credentials: S3Credentials([credential])) }

    func presigned(_ method: String = "PUT", lifetime: Int = 900, at time: Int64 = Self.now) -> String {
        let presigner = S3Presigner(credential: credential, publicURL: "http://host:9000")
        return String(
            presigner.url(method: method, bucket: "uploads", key: "id/raw", lifetimeSeconds: lifetime, now: time)
                .dropFirst("http://host:9000".count))
    }

    func head(_ method: HTTPRequest.Method, _ path: String, _ headers: HTTPFields = [:], host: String = "host:9000")
        -> HTTPRequest
    {
        HTTPRequest(method: method, scheme: "http", authority: host, path: path, headerFields: headers)
    }

    /// The code of the refusal; nil when the request is let in.
    func refusal(_ head: HTTPRequest, now: Int64 = Self.now) -> String? {
        do {
            _ = try verifier.verify(head, target: S3Target(head.path ?? ""), now: now)
            return nil
        } catch {
            return error.code == "AccessDenied" ? error.message : error.code
        }
    }

    @Test func aPresignedURLWorksUntilItExpires() {
        let url = presigned()
        #expect(refusal(head(.put, url)) == nil)
        #expect(refusal(head(.put, url), now: Self.now + 900) == nil)
        #expect(refusal(head(.put, url), now: Self.now + 901) == "Request has expired")
        #expect(refusal(head(.put, url), now: Self.now - 900) == nil)
        #expect(refusal(head(.put, url), now: Self.now - 901) == "Request is not valid yet")
    }

    @Test func anyChangeOfAPresignedURLBreaksIt() {
        let url = presigned()
        #expect(refusal(head(.get, url)) == "SignatureDoesNotMatch")
        #expect(refusal(head(.put, url, host: "other:9000")) == "SignatureDoesNotMatch")
        for (from, to) in [
            ("id/raw", "id2/raw"), ("Expires=900", "Expires=901"), ("us-east-1", "us-west-1"),
            ("Z&X-Amz-Expires", "Z&X-Amz-Extra=1&X-Amz-Expires"), ("/uploads/", "/media/"),
        ] {
            #expect(url.contains(from))
            #expect(refusal(head(.put, url.replacing(from, with: to))) == "SignatureDoesNotMatch", "\(from)")
        }
        var digits = Array(url)
        digits[digits.count - 1] = digits.last == "0" ? "1" : "0"
        #expect(refusal(head(.put, String(digits))) == "SignatureDoesNotMatch")
        #expect(refusal(head(.put, String(url.dropLast()))) == "SignatureDoesNotMatch")
    }

    @Test func incompletePresignedURLsAreRefused() {
        let url = presigned()
        #expect(refusal(head(.put, "/uploads/id/raw")) == "Access Denied")
        #expect(
            refusal(head(.put, url.replacing("X-Amz-Date", with: "X-Amz-Dat"))) == "AuthorizationQueryParametersError")
        #expect(refusal(head(.put, url.replacing("KEY%2F", with: "NOBODY%2F"))) == "InvalidAccessKeyId")
        #expect(refusal(head(.put, presigned(lifetime: 604_801))) == "AuthorizationQueryParametersError")
        #expect(refusal(head(.put, url.replacing("%2Fs3%2F", with: "%2Fec2%2F"))) == "SignatureDoesNotMatch")
    }

    @Test func amazonHeadersMustBeSigned() {
        let headers: HTTPFields = [HTTPField.Name("x-amz-acl")!: "public-read"]
        #expect(
            refusal(head(.put, presigned(), headers))
                == "There were headers present in the request which were not signed")
    }

    /// Signs with the `Authorization` header.
    func authorized(
        _ method: HTTPRequest.Method = .put, hash: String = "UNSIGNED-PAYLOAD", signed: [String] = [],
        at time: Int64 = Self.now
    ) -> HTTPRequest {
        let timestamp = formatAmazonDate(seconds: time)
        let scope = SignatureScope(date: String(timestamp.prefix(8)), region: "eu-central-1")
        let all = [
            (name: "host", value: "host:9000"), (name: "x-amz-content-sha256", value: hash),
            (name: "x-amz-date", value: timestamp),
        ].filter { signed.isEmpty || signed.contains($0.name) }
        let request = SignedRequest(
            method: method.rawValue, path: "/media/a", query: [(name: "x", value: "1 2")], headers: all,
            payloadHash: hash)
        let signature = signatureV4(request, timestamp: timestamp, scope: scope, secretKey: credential.secretKey)
        let authorization =
            "AWS4-HMAC-SHA256 Credential=KEY/\(scope.text), SignedHeaders=\(request.signedHeaderNames), "
            + "Signature=\(signature)"
        return head(
            method, "/media/a?x=1%202",
            [.authorization: authorization, .amzDate: timestamp, .amzContentSHA256: hash])
    }

    @Test func theAuthorizationHeaderIsVerified() {
        #expect(refusal(authorized()) == nil)
        #expect(refusal(authorized(), now: Self.now + 900) == nil)
        #expect(refusal(authorized(), now: Self.now + 901) == "RequestTimeTooSkewed")
        #expect(refusal(authorized(), now: Self.now - 901) == "RequestTimeTooSkewed")
        #expect(
            refusal(authorized(signed: ["x-amz-date", "x-amz-content-sha256"])) == "The header host must be signed")
        #expect(
            refusal(authorized(signed: ["host", "x-amz-date"]))
                == "There were headers present in the request which were not signed")
        #expect(refusal(authorized(hash: "abc")) == "InvalidArgument")
        #expect(refusal(authorized(hash: "STREAMING-AWS4-HMAC-SHA256-PAYLOAD")) == nil)
        #expect(refusal(authorized(hash: "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD")) == "NotImplemented")
        #expect(refusal(authorized(hash: "STREAMING-UNSIGNED-PAYLOAD-TRAILER")) == nil)
        var request = authorized()
        request.method = .delete
        #expect(refusal(request) == "SignatureDoesNotMatch")
        request = authorized()
        request.headerFields[.authorization] = "AWS4-HMAC-SHA256 nonsense"
        #expect(refusal(request) == "AuthorizationHeaderMalformed")
        request.headerFields[.authorization] = "Basic YTpi"
        #expect(refusal(request) == "InvalidArgument")
        request = authorized()
        request.path = presigned()
        #expect(refusal(request) == "InvalidArgument")
    }

    @Test func targetsAreDecodedOnce() throws {
        #expect(try S3Target("/media/a%2Fb?k=%3D&e").key == "a/b")
        #expect(try S3Target("/media/a?k=%3D&e").query("k") == "=")
        #expect(try S3Target("/media/a?k=%3D&e").query("e") == "")
        #expect(try S3Target("/media/a%252e").key == "a%2e")
        for wrong in ["", "media/a", "/media/%", "/media/%zz", "/media/%ff", "http://host/a"] {
            #expect(throws: S3Error.self, "\(wrong)") { try S3Target(wrong) }
        }
        for hostile in ["/media/..", "/media/a/%2e%2e/b", "/media/%00", "/media/a//b", "/media/"] {
            let target = try S3Target(hostile)
            #expect(throws: S3Error.self, "\(hostile)") { try target.requireObject(buckets: ["media"]) }
        }
        #expect(throws: S3Error.noSuchBucket) { try S3Target("/other/a").requireObject(buckets: ["media"]) }
    }
}
