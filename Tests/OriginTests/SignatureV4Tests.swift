// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Origin

/// The examples that AWS publishes in "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference.
@Suite struct SignatureV4Tests {
    static let credential = S3Credential(
        accessKey: "AKIAIOSFODNN7EXAMPLE", secretKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    static let emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    func sign(
        _ method: String, _ path: String, query: [(name: String, value: String)] = [],
        headers: [(name: String, value: String)] = [], payloadHash: String = Self.emptyHash
    ) -> String {
        let common = [
            (name: "host", value: "examplebucket.s3.amazonaws.com"),
            (name: "x-amz-content-sha256", value: payloadHash), (name: "x-amz-date", value: "20130524T000000Z"),
        ]
        let request = SignedRequest(
            method: method, path: path, query: query, headers: common + headers, payloadHash: payloadHash)
        return signatureV4(
            request, timestamp: "20130524T000000Z", scope: SignatureScope(date: "20130524", region: "us-east-1"),
            secretKey: Self.credential.secretKey)
    }

    @Test func getObjectWithARange() {
        #expect(
            sign("GET", "/test.txt", headers: [(name: "range", value: "bytes=0-9")])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test func putObjectWithANameToEscape() {
        let signature = sign(
            "PUT", "/test$file.text",
            headers: [
                (name: "date", value: "Fri, 24 May 2013 00:00:00 GMT"),
                (name: "x-amz-storage-class", value: "REDUCED_REDUNDANCY"),
            ],
            payloadHash: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
        #expect(signature == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test func getBucketLifecycle() {
        #expect(
            sign("GET", "/", query: [(name: "lifecycle", value: "")])
                == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test func listObjects() {
        #expect(
            sign("GET", "/", query: [(name: "max-keys", value: "2"), (name: "prefix", value: "J")])
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func presignedGet() {
        let query = [
            (name: "X-Amz-Algorithm", value: "AWS4-HMAC-SHA256"),
            (name: "X-Amz-Credential", value: "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"),
            (name: "X-Amz-Date", value: "20130524T000000Z"), (name: "X-Amz-Expires", value: "86400"),
            (name: "X-Amz-SignedHeaders", value: "host"),
        ]
        let request = SignedRequest(
            method: "GET", path: "/test.txt", query: query,
            headers: [(name: "host", value: "examplebucket.s3.amazonaws.com")], payloadHash: "UNSIGNED-PAYLOAD")
        let signature = signatureV4(
            request, timestamp: "20130524T000000Z", scope: SignatureScope(date: "20130524", region: "us-east-1"),
            secretKey: Self.credential.secretKey)
        #expect(signature == "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")
    }

    /// The presigner writes the same URL as the example, but for its path-style address.
    @Test func thePresignerSignsWhatTheVerifierAccepts() throws {
        let presigner = S3Presigner(credential: Self.credential, publicURL: "http://127.0.0.1:9000")
        let url = presigner.url(
            method: "PUT", bucket: "uploads", key: "a/raw", lifetimeSeconds: 900, now: 1_369_353_600)
        let prefix =
            "http://127.0.0.1:9000/uploads/a/raw?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential="
            + "AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z"
            + "&X-Amz-Expires=900&X-Amz-SignedHeaders=host&X-Amz-Signature="
        #expect(url.hasPrefix(prefix))
        #expect(url.count == prefix.count + 64)
    }

    @Test func datesAreReadAndWritten() {
        #expect(formatAmazonDate(seconds: 1_369_353_600) == "20130524T000000Z")
        #expect(parseAmazonDate("20130524T000000Z") == 1_369_353_600)
        for wrong in [
            "", "20130524T000000", "20130524 000000Z", "20131324T000000Z", "2013052xT000000Z", "20130230T000000Z",
        ] {
            #expect(parseAmazonDate(wrong) == nil, "\(wrong)")
        }
    }
}
