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
        #expect(upload(chunked, .chunkedUnsigned, body("NhCmhg==")) == ("hello", nil))
        #expect(upload(chunked, .chunkedUnsigned, body("NhCmhw==")).code == "BadDigest")
        #expect(upload(chunked, .chunkedUnsigned, "5\r\nhello\r\n0\r\n\r\n").code == "BadDigest")
        #expect(upload(chunked, .chunkedUnsigned, "5\r\nhello\r\n0\r\n").code == "IncompleteBody")
    }
}
