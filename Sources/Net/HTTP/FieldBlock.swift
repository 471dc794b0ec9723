// SPDX-License-Identifier: Apache-2.0
//
// Response fields that are made once and sent many times, in the bytes of both protocol versions. The bytes lie in
// one allocation that the block owns, so that sending them copies them and counts no reference. Immutable after init:
// it may be shared by all threads, and dies with its last reference.

/// An immutable list of response fields.
///
/// `@unchecked Sendable` because nothing is written after `init`.
public final class FieldBlock: @unchecked Sendable {
    /// `name: value` lines, each with its CRLF (RFC 9112 section 5).
    let lines: UnsafeRawBufferPointer
    /// Literals without indexing: a header block fragment that needs no dynamic table (`FieldEncoding`).
    let fragment: UnsafeRawBufferPointer

    /// Names must be lower-case tokens and values valid field values: the parsers and the configuration have checked them.
    public init(_ fields: [(name: [UInt8], value: [UInt8])]) {
        var bytes: [UInt8] = []
        for field in fields {
            bytes.append(contentsOf: field.name)
            bytes.append(contentsOf: ": ".utf8)
            bytes.append(contentsOf: field.value)
            bytes.append(contentsOf: "\r\n".utf8)
        }
        let lineBytes = bytes.count
        for field in fields { FieldEncoding.append(name: field.name, value: field.value, to: &bytes) }
        let storage = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 1)
        storage.copyBytes(from: bytes)
        lines = UnsafeRawBufferPointer(storage).slice(0..<lineBytes)
        fragment = UnsafeRawBufferPointer(storage).slice(lineBytes..<bytes.count)
    }

    /// The fields again, as they were given.
    public var fields: [(name: [UInt8], value: [UInt8])] {
        var fields: [(name: [UInt8], value: [UInt8])] = []
        var start = 0
        while let colon = lines.position(of: UInt8(ascii: ":"), from: start),
            let end = lines.position(of: 0x0D, from: colon)
        {
            fields.append((Array(lines.slice(start..<colon)), Array(lines.slice(colon + 2..<end))))
            start = end + 2
        }
        return fields
    }

    deinit {
        // The lines are the front of the allocation.
        lines.baseAddress?.deallocate()
    }
}
