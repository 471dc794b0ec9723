// SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import Testing

@testable import Origin

/// Bodies on their way in: framing, length, checksums.
@Suite struct S3UploadTests {
    /// Decodes `text` in pieces of `step` bytes.
    func decode(_ text: String, step: Int) throws -> (data: String, trailers: [String], isDone: Bool) {
        var decoder = AWSChunkedDecoder()
        var data: [UInt8] = []
        let bytes = Array(text.utf8)
        for start in stride(from: 0, to: bytes.count, by: step) {
            try bytes[start..<min(start + step, bytes.count)].withUnsafeBytes { piece in
                try decoder.feed(piece) { data += $0 }
            }
        }
        return (
            String(decoding: data, as: UTF8.self), decoder.trailers.map { "\($0.name)=\($0.value)" }, decoder.isDone
        )
    }

    @Test(arguments: [1, 2, 3, 7, 100])
    func chunkedBodiesAreDecodedHoweverTheyAreCut(step: Int) throws {
        let body = "5\r\nhello\r\nC;chunk-signature=x\r\n, you\r\nthere\r\n0\r\nX-Amz-Checksum-CRC32: AAAA==\r\n\r\n"
        let decoded = try decode(body, step: step)
        #expect(decoded.data == "hello, you\r\nthere")
        #expect(decoded.isDone)
        #expect(decoded.trailers == ["x-amz-checksum-crc32=AAAA=="])
    }

    @Test func malformedChunkedBodiesAreRefused() throws {
        for wrong in [
            "5\nhello", "x\r\n", "\r\n", "-1\r\n", "5\r\nhelloX\r\n", "fffffffffffff\r\n", "0\r\nno colon\r\n",
            "0\r\n\r\nmore", String(repeating: "a", count: 2000),
            "0\r\n" + String(repeating: "a:b\r\n", count: 17),
        ] {
            #expect(throws: AWSChunkedDecoder.Failure.self, "\(wrong.prefix(20))") { try decode(wrong, step: 1) }
        }
        #expect(try decode("5\r\nhel", step: 2).isDone == false)
    }

    /// The published example: 66,560 letters `a` in chunks of 64 KiB, with and without a signed trailer.
    func signedExample(_ signatures: [String], seed: String, trailer: String = "", letter: Character = "a")
        throws -> (bytes: Int, isDone: Bool)
    {
        let chunks = ChunkSignatures(
            secretKey: SignatureV4Tests.credential.secretKey, timestamp: "20130524T000000Z",
            scope: SignatureScope(date: "20130524", region: "us-east-1"), requestSignature: seed,
            coversTrailers: !trailer.isEmpty)
        var decoder = AWSChunkedDecoder(signatures: chunks)
        let body =
            "10000;chunk-signature=\(signatures[0])\r\n" + String(repeating: "a", count: 65536)
            + "\r\n400;chunk-signature=\(signatures[1])\r\n" + String(repeating: letter, count: 1024)
            + "\r\n0;chunk-signature=\(signatures[2])\r\n\(trailer)\r\n"
        var count = 0
        try Array(body.utf8).withUnsafeBytes { bytes in try decoder.feed(bytes) { count += $0.count } }
        return (count, decoder.isDone)
    }

    @Test func signedChunksAreVerifiedOneByOne() throws {
        let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
        let signatures = [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ]
        #expect(try signedExample(signatures, seed: seed) == (66560, true))
        #expect(throws: AWSChunkedDecoder.Failure.signatureMismatch) {
            try signedExample(signatures, seed: seed, letter: "b")
        }
        #expect(throws: AWSChunkedDecoder.Failure.signatureMismatch) {
            try signedExample([signatures[1], signatures[0], signatures[2]], seed: seed)
        }
        #expect(throws: AWSChunkedDecoder.Failure.signatureMismatch) {
            try signedExample(["", signatures[1], signatures[2]], seed: seed)
        }
    }

    @Test func signedTrailersAreVerified() throws {
        let seed = "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
        let signatures = [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ]
        let checksum = "x-amz-checksum-crc32c:sOO8/Q==\r\n"
        let signature =
            "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
        #expect(try signedExample(signatures, seed: seed, trailer: checksum + signature) == (66560, true))
        for wrong in [checksum, signature, checksum.lowercased() + signature] {
            #expect(throws: AWSChunkedDecoder.Failure.signatureMismatch) {
                try signedExample(signatures, seed: seed, trailer: wrong)
            }
        }
    }

    func checksum(_ header: String, _ text: String) -> String? {
        guard var checksum = UploadChecksum(header: header) else { return nil }
        Array(text.utf8).withUnsafeBytes { checksum.update($0) }
        return checksum.text
    }

    /// The check values of the CRC catalogue and RFC 1321, over `123456789`.
    @Test func checksumsAreTheKnownOnes() {
        #expect(checksum("x-amz-checksum-crc32", "123456789") == "y/Q5Jg==")
        #expect(checksum("x-amz-checksum-crc32c", "123456789") == "4waSgw==")
        #expect(checksum("content-md5", "") == "1B2M2Y8AsgTpgAmY7PhCfg==")
        #expect(checksum("x-amz-content-sha256", "") == SignatureV4Tests.emptyHash)
        #expect(checksum("x-amz-checksum-crc64nvme", "") == nil)
    }

    func upload(_ headers: HTTPFields, _ payload: S3Payload, _ body: String, max: Int = 100) -> (String, code: String?)
    {
        var stored: [UInt8] = []
        do {
            let head = HTTPRequest(method: .put, scheme: "http", authority: "h", path: "/", headerFields: headers)
            var upload = try S3Upload(head, payload: payload, bytesMax: max)
            try Array(body.utf8).withUnsafeBytes { bytes in try upload.feed(bytes) { stored += $0 } }
            try upload.finish()
            return (String(decoding: stored, as: UTF8.self), nil)
        } catch {
            return ("", (error as? S3Error)?.code ?? "\(error)")
        }
    }

    @Test func theLengthMustBeKnownAndKept() {
        #expect(upload([.contentLength: "5"], .unsigned, "hello") == ("hello", nil))
        #expect(upload([:], .unsigned, "hello").code == "MissingContentLength")
        #expect(upload([.contentLength: "101"], .unsigned, "").code == "EntityTooLarge")
        #expect(upload([.contentLength: "-1"], .unsigned, "").code == "InvalidArgument")
        #expect(upload([.contentLength: "5"], .unsigned, "hell").code == "IncompleteBody")
        #expect(upload([.contentLength: "5"], .unsigned, "hello!").code == "InvalidRequest")
    }

    @Test func whatIsPromisedIsChecked() {
        let sha = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        #expect(upload([.contentLength: "5"], .hashed(sha), "hello").code == nil)
        #expect(upload([.contentLength: "5"], .hashed(sha), "hellO").code == "XAmzContentSHA256Mismatch")
        #expect(upload([.contentLength: "5", .contentMD5: "XUFAKrxLKna5cZ2REBfFkg=="], .unsigned, "hello").code == nil)
        #expect(
            upload([.contentLength: "5", .contentMD5: "XUFAKrxLKna5cZ2REBfFkg=="], .unsigned, "hellO").code
                == "BadDigest")
        let chunked: HTTPFields = [
            .amzDecodedContentLength: "5", HTTPField.Name("x-amz-trailer")!: "x-amz-checksum-crc32",
        ]
        func body(_ checksum: String) -> String { "5\r\nhello\r\n0\r\nx-amz-checksum-crc32:\(checksum)\r\n\r\n" }
        #expect(upload(chunked, .chunked(nil), body("NhCmhg==")) == ("hello", nil))
        #expect(upload(chunked, .chunked(nil), body("NhCmhw==")).code == "BadDigest")
        #expect(upload(chunked, .chunked(nil), "5\r\nhello\r\n0\r\n\r\n").code == "BadDigest")
        #expect(upload(chunked, .chunked(nil), "5\r\nhello\r\n0\r\n").code == "IncompleteBody")
    }
}
