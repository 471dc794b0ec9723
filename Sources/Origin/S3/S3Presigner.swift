// SPDX-License-Identifier: Apache-2.0

/// Writes presigned URLs, so that a client may do one thing with one object until the URL expires.
struct S3Presigner: Sendable {
    let credential: S3Credential
    /// `http(s)://host[:port]`.
    let publicURL: String
    var region = "us-east-1"

    /// A URL valid for `lifetimeSeconds` from `now` (seconds since 1970) for one method on one object.
    func url(method: String, bucket: String, key: String, lifetimeSeconds: Int, now: Int64) -> String {
        let timestamp = formatAmazonDate(seconds: now)
        let scope = SignatureScope(date: String(timestamp.prefix(8)), region: region)
        let host = publicURL.split(separator: "/", omittingEmptySubsequences: false).last.map(String.init) ?? ""
        let query = [
            (name: "X-Amz-Algorithm", value: "AWS4-HMAC-SHA256"),
            (name: "X-Amz-Credential", value: "\(credential.accessKey)/\(scope.text)"),
            (name: "X-Amz-Date", value: timestamp),
            (name: "X-Amz-Expires", value: String(lifetimeSeconds)),
            (name: "X-Amz-SignedHeaders", value: "host"),
        ]
        let request = SignedRequest(
            method: method, path: "/\(bucket)/\(key)", query: query, headers: [(name: "host", value: host)],
            payloadHash: "UNSIGNED-PAYLOAD")
        let signature = signatureV4(request, timestamp: timestamp, scope: scope, secretKey: credential.secretKey)
        let encoded = (query + [(name: "X-Amz-Signature", value: signature)])
            .map { "\($0.name)=\(percentEncode($0.value.utf8, keepingSlashes: false))" }.joined(separator: "&")
        return publicURL + percentEncode(request.path.utf8, keepingSlashes: true) + "?" + encoded
    }
}
