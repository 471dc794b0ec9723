// SPDX-License-Identifier: Apache-2.0
//
// The way of plaintext into the output buffer. What HTTP sessions emit is gathered into full TLS records, and the
// records into the connection's output buffer, which leaves with one write(2) for many of them. Small pieces are copied
// together first; a piece that fills its record is encrypted from where it lies.
//
// A writer lies in memory that its connection owns, and is reached by pointer: in TLS 1.2 OpenSSL appends to the same
// buffer from inside SSL_write, so no call may hold exclusive access to the record while it encrypts. That is why the
// verbs below belong to the pointer and touch one field at a time. The staging memory is the loop's: only one connection
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
    /// Seals the records of TLS 1.3, and belongs to the TLS session too; nil where OpenSSL does it.
    var protection: Unmanaged<RecordProtection>?
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
        guard count >= room else {
            (staging.pointee.bytes + staging.pointee.count).copyMemory(from: bytes, byteCount: count)
            staging.pointee.count += count
            return true
        }
        return seal(with: UnsafeRawBufferPointer(start: bytes, count: room)) && emitRest(bytes + room, count - room)
    }

    /// What did not fit into the record before.
    private func emitRest(_ bytes: UnsafeRawPointer, _ count: Int) -> Bool {
        var source = bytes
        var rest = count
        while rest >= Server.recordBytes {
            guard seal(with: UnsafeRawBufferPointer(start: source, count: Server.recordBytes)) else { return false }
            source += Server.recordBytes
            rest -= Server.recordBytes
        }
        pointee.staging.pointee.bytes.copyMemory(from: source, byteCount: rest)
        pointee.staging.pointee.count = rest
        return true
    }

    /// Encrypts what is staged as one record. False when TLS failed.
    @inline(__always)
    func seal() -> Bool {
        guard pointee.staging.pointee.count > 0, pointee.ssl != nil else { return true }
        return seal(with: UnsafeRawBufferPointer(start: nil, count: 0))
    }

    /// Appends one record of `content`, which is not application data. False when it has no room, or TLS failed.
    func append(_ content: [UInt8], type: RecordProtection.ContentType) -> Bool {
        guard let protection = pointee.protection else { return false }
        return content.withUnsafeBytes {
            appendRecord(protection, UnsafeRawBufferPointer(start: nil, count: 0), $0, type: type)
        }
    }

    /// Encrypts what is staged and `piece` behind it as one record.
    @inline(__always)
    private func seal(with piece: UnsafeRawBufferPointer) -> Bool {
        let staging = pointee.staging
        let staged = UnsafeRawBufferPointer(start: staging.pointee.bytes, count: staging.pointee.count)
        staging.pointee.count = 0
        guard let protection = pointee.protection else { return sealWithOpenSSL(staged, piece) }
        return appendRecord(protection, staged, piece, type: .applicationData)
    }

    @inline(__always)
    private func appendRecord(
        _ protection: Unmanaged<RecordProtection>, _ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer,
        type: RecordProtection.ContentType
    ) -> Bool {
        guard let record = pointee.output.tail,
            first.count + second.count + RecordProtection.overheadBytes <= pointee.output.free
        else { return false }
        return protection._withUnsafeGuaranteedRef { protection in
            let count = protection.seal(first, second, type: type, into: record)
            guard count > 0 else { return false }
            pointee.output.commit(count)
            return !protection.needsNewKey || changeKey(protection)
        }
    }

    /// Tells the peer that the next record has another key, and takes it (RFC 8446 section 4.6.3).
    func changeKey(_ protection: RecordProtection) -> Bool {
        let keyUpdate: [UInt8] = [24, 0, 0, 1, 0]
        guard let record = pointee.output.tail,
            keyUpdate.count + RecordProtection.overheadBytes <= pointee.output.free
        else { return false }
        let count = keyUpdate.withUnsafeBytes {
            protection.seal(UnsafeRawBufferPointer(start: nil, count: 0), $0, type: .handshake, into: record)
        }
        guard count > 0 else { return false }
        pointee.output.commit(count)
        return protection.changeKey()
    }

    /// TLS 1.2: one copy more, because SSL_write wants its bytes in one piece.
    private func sealWithOpenSSL(_ staged: UnsafeRawBufferPointer, _ piece: UnsafeRawBufferPointer) -> Bool {
        guard let ssl = pointee.ssl else { return false }
        let bytes = pointee.staging.pointee.bytes
        if let base = piece.baseAddress { (bytes + staged.count).copyMemory(from: base, byteCount: piece.count) }
        return TLSSession.write(ssl, bytes, count: staged.count + piece.count)
    }
}
