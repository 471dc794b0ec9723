// SPDX-License-Identifier: Apache-2.0

import HTTPTypes

/// The body of one PUT on its way to the disk: takes its framing off, counts, and computes what was promised.
struct S3Upload {
    /// The object's size as the client announced it.
    private let announcedBytes: Int
    private var takenBytes = 0
    private var decoder: AWSChunkedDecoder?
    private var checksums: [UploadChecksum] = []
    /// What the headers promise, by the names of the checksums.
    private var expected: [String: String] = [:]

    /// Throws an `S3Error` when the head shows that the body can not be taken.
    init(_ head: HTTPRequest, payload: S3Payload, bytesMax: Int) throws(S3Error) {
        announcedBytes = try Self.announcedBytes(head, payload, max: bytesMax)
        switch payload {
        case .unsigned: break
        case .hashed(let hash): try expect("x-amz-content-sha256", hash)
        case .chunked(let signatures): decoder = AWSChunkedDecoder(signatures: signatures)
        }
        for field in head.headerFields {
            let name = field.name.canonicalName
            if name == "content-md5" || Self.isChecksum(name) { try expect(name, field.value) }
        }
        if let trailer = head.headerFields[HTTPField.Name("x-amz-trailer")!] { try expect(trailer.lowercased(), nil) }
    }

    /// The object's size: it must be known before the body is read, so that a body cut short is never stored.
    static func announcedBytes(_ head: HTTPRequest, _ payload: S3Payload, max: Int) throws(S3Error) -> Int {
        let header: HTTPField.Name = if case .chunked = payload { .amzDecodedContentLength } else { .contentLength }
        guard let text = head.headerFields[header] else { throw .missingContentLength }
        guard let count = Int(text), count >= 0 else { throw .invalidArgument("\(header) is not a number") }
        guard count <= max else { throw .entityTooLarge }
        return count
    }

    /// Takes the next bytes of the body and hands the object's bytes to `store`.
    mutating func feed(_ bytes: UnsafeRawBufferPointer, store: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard var framing = decoder else { return try take(bytes, store) }
        decoder = nil
        defer { decoder = framing }
        try framing.feed(bytes) { try take($0, store) }
    }

    private mutating func take(_ bytes: UnsafeRawBufferPointer, _ store: (UnsafeRawBufferPointer) throws -> Void) throws
    {
        takenBytes += bytes.count
        guard takenBytes <= announcedBytes else {
            throw S3Error(.badRequest, "InvalidRequest", "The body is longer than announced.")
        }
        for index in checksums.indices { checksums[index].update(bytes) }
        try store(bytes)
    }

    /// Throws an `S3Error` unless the whole body came and everything that was promised of it holds.
    func finish() throws(S3Error) {
        guard takenBytes == announcedBytes, decoder?.isDone ?? true else { throw .incompleteBody }
        var promised = expected
        for trailer in decoder?.trailers ?? [] where Self.isChecksum(trailer.name) {
            promised[trailer.name] = trailer.value
        }
        for checksum in checksums {
            guard promised[checksum.name] == checksum.text else {
                if checksum.name == "x-amz-content-sha256" { throw .contentHashMismatch }
                throw .badDigest(checksum.name)
            }
        }
    }

    private mutating func expect(_ name: String, _ value: String?) throws(S3Error) {
        guard let checksum = UploadChecksum(header: name) else { throw .notImplemented("The checksum \(name)") }
        checksums.append(checksum)
        if let value { expected[name] = value }
    }

    /// `x-amz-checksum-crc32` and its like, but not the headers that merely name an algorithm.
    private static func isChecksum(_ name: String) -> Bool {
        name.hasPrefix("x-amz-checksum-") && name != "x-amz-checksum-algorithm" && name != "x-amz-checksum-mode"
            && name != "x-amz-checksum-type"
    }
}
