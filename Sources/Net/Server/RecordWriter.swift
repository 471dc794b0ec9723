// SPDX-License-Identifier: Apache-2.0
//
// The way of plaintext into the output buffer. What HTTP sessions emit is gathered into full TLS records, and the
// records into the connection's output buffer, which leaves with one write(2) for many of them.
//
// A writer lies in memory that its connection owns, and is reached by pointer: OpenSSL appends to the same buffer
// from inside SSL_write, so no call may hold exclusive access to the record while it encrypts. That is why the verbs
// below belong to the pointer and touch one field at a time. The staging memory is the loop's: only one connection
// of a loop emits at a time, and each call chain that has emitted ends with `seal()`.

import COpenSSL

/// Plaintext on its way into one full TLS record. One for each loop.
struct RecordStaging {
    let bytes: UnsafeMutableRawPointer
    var count = 0
}

/// Where a connection's responses go. See the head of the file.
struct RecordWriter {
    /// A full staging record, another one made of what is about to be emitted, and TLS overhead for both.
    static let roomBytes = 2 * (Server.recordBytes + 256) + 4096

    var output = OutputBuffer()
    /// The TLS session's handle, which the connection's `TLSSession` owns; nil on a cleartext connection.
    var ssl: OpaquePointer?
    let staging: UnsafeMutablePointer<RecordStaging>
}

extension UnsafeMutablePointer where Pointee == RecordWriter {
    /// True when one more piece of at most a record's size can be emitted.
    @inline(__always)
    var canEmit: Bool { pointee.output.free >= RecordWriter.roomBytes }

    /// Adds at most `Server.recordBytes + 9` bytes to the output; only while `canEmit`. False when TLS failed.
    @inline(__always)
    func emit(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        guard pointee.ssl != nil else { return pointee.output.append(bytes, count: count) }
        let staging = pointee.staging
        let room = Server.recordBytes - staging.pointee.count
        guard count > room else {
            (staging.pointee.bytes + staging.pointee.count).copyMemory(from: bytes, byteCount: count)
            staging.pointee.count += count
            return count < room || seal()
        }
        (staging.pointee.bytes + staging.pointee.count).copyMemory(from: bytes, byteCount: room)
        staging.pointee.count = Server.recordBytes
        return seal() && emitRest(bytes + room, count: count - room)
    }

    /// What did not fit into the record before.
    private func emitRest(_ bytes: UnsafeRawPointer, count: Int) -> Bool {
        var source = bytes
        var rest = count
        while rest > 0 {
            let piece = Swift.min(rest, Server.recordBytes)
            pointee.staging.pointee.bytes.copyMemory(from: source, byteCount: piece)
            pointee.staging.pointee.count = piece
            source += piece
            rest -= piece
            if piece == Server.recordBytes, !seal() { return false }
        }
        return true
    }

    /// Encrypts what is staged as one record. False when TLS failed.
    @inline(__always)
    func seal() -> Bool {
        let count = pointee.staging.pointee.count
        guard count > 0, let ssl = pointee.ssl else { return true }
        pointee.staging.pointee.count = 0
        return TLSSession.write(ssl, pointee.staging.pointee.bytes, count: count)
    }
}
