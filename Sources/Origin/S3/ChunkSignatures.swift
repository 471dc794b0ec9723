// SPDX-License-Identifier: Apache-2.0
//
// The signatures of the chunks of a body ("Transferring Payload in Multiple Chunks" of the S3 API reference): each one
// signs its chunk and the signature before, so that chunks can be neither changed nor left out nor moved.

import Crypto
import Foundation

/// Verifies the chain of chunk signatures of one body.
struct ChunkSignatures {
    private let key: SymmetricKey
    private let timestamp: String
    private let scope: SignatureScope
    /// True when the trailers are signed too.
    let coversTrailers: Bool
    /// The signature before: at first that of the request.
    private var previous: String
    private var announced = ""
    private var hash = SHA256()

    init(secretKey: String, timestamp: String, scope: SignatureScope, requestSignature: String, coversTrailers: Bool) {
        key = signingKey(secretKey, scope)
        self.timestamp = timestamp
        self.scope = scope
        self.coversTrailers = coversTrailers
        previous = requestSignature
    }

    /// A chunk begins; its size line announced this signature.
    mutating func begin(announced signature: String) {
        announced = signature
        hash = SHA256()
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        hash.update(bufferPointer: bytes)
    }

    /// The chunk ended; false when it is not what was signed.
    mutating func endChunk() -> Bool {
        let emptyHash = hexText(SHA256.hash(data: Data()))
        return verify(
            announced, "AWS4-HMAC-SHA256-PAYLOAD", "\(emptyHash)\n\(hexText(hash.finalize()))")
    }

    /// The trailers ended; false when they are not what was signed.
    mutating func endTrailers(_ trailers: [(name: String, value: String)], signature: String) -> Bool {
        let text = trailers.map { "\($0.name):\($0.value)\n" }.joined()
        return verify(signature, "AWS4-HMAC-SHA256-TRAILER", hexText(SHA256.hash(data: Data(text.utf8))))
    }

    private mutating func verify(_ signature: String, _ algorithm: String, _ hashes: String) -> Bool {
        let text = "\(algorithm)\n\(timestamp)\n\(scope.text)\n\(previous)\n\(hashes)"
        let expected = hexText(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key))
        previous = expected
        return equalInConstantTime(expected.utf8, signature.utf8)
    }
}
