// SPDX-License-Identifier: Apache-2.0
//
// One TLS connection over memory. The connection reads ciphertext from its socket into the loop's shared
// buffer and opens it here as a window for the time of one call; records that OpenSSL makes are appended
// to the connection's output buffer, so that many records leave with one write(2).
//
// The BIO's data pointer is a `TLSTransfer` record that this class allocates and frees; OpenSSL calls the
// BIO only inside SSL_* calls made here, on the loop's thread. After a handshake of TLS 1.3 `RecordProtection` takes over
// what is sent: from then on OpenSSL's own records (alerts, answers to KeyUpdate) are dropped at the BIO and made anew.

import COpenSSL
import Glibc

/// What the BIO callbacks read from and write to.
struct TLSTransfer {
    var input: UnsafeRawPointer?
    var inputCount = 0
    let writer: UnsafeMutablePointer<RecordWriter>
    /// The server's application traffic secret, from the moment it is in use, and the records sent under it since.
    var secret: [UInt8] = []
    var recordsSent: UInt64 = 0
    /// `RecordProtection` sends the records.
    var isTakenOver = false
    /// What OpenSSL would have sent since.
    var alert: [UInt8] = []
    var isKeyUpdateDue = false
}

/// The server side of one TLS connection.
final class TLSSession {
    enum StepResult {
        case done
        case needsInput
        /// The output buffer is full.
        case needsOutput
        /// The peer has sent close_notify.
        case closed
        case failed
    }

    private let ssl: OpaquePointer
    /// What OpenSSL's callbacks use; it must outlive `ssl`, also when a reload has replaced it.
    private let context: TLSContext
    private let transfer: UnsafeMutablePointer<TLSTransfer>
    /// The handshake is done and nothing fatal has happened since.
    private var isEstablished = false
    private var protection: RecordProtection?
    private var keyUpdates = 0
    /// A client has no reason to ask for new keys as often as this.
    private static let keyUpdatesMax = 100

    /// `writer` must outlive the session; its `ssl` is set here. Nil when OpenSSL is out of memory.
    init?(context: TLSContext, writer: UnsafeMutablePointer<RecordWriter>) {
        guard let method = transferMethod, let ssl = SSL_new(context.context) else { return nil }
        guard let bio = BIO_new(method) else {
            SSL_free(ssl)
            return nil
        }
        transfer = .allocate(capacity: 1)
        transfer.initialize(to: TLSTransfer(input: nil, writer: writer))
        BIO_set_data(bio, transfer)
        BIO_set_init(bio, 1)
        // The SSL owns the BIO from here on and frees it once, though it is set for both directions.
        SSL_set_bio(ssl, bio, bio)
        SSL_set_accept_state(ssl)
        SSL_set_ex_data(ssl, 0, transfer)
        SSL_set_msg_callback(ssl, watchMessages)
        SSL_ctrl(ssl, SSL_CTRL_SET_MSG_CALLBACK_ARG, 0, transfer)
        self.ssl = ssl
        self.context = context
        writer.pointee.ssl = ssl
    }

    deinit {
        transfer.pointee.writer.pointee.ssl = nil
        transfer.pointee.writer.pointee.protection = nil
        SSL_free(ssl)
        transfer.deinitialize(count: 1)
        transfer.deallocate()
    }

    /// Opens a window of ciphertext; it must stay valid until `closeInput()`.
    @inline(__always)
    func openInput(_ bytes: UnsafeRawPointer, count: Int) {
        transfer.pointee.input = bytes
        transfer.pointee.inputCount = count
    }

    @inline(__always)
    func closeInput() {
        transfer.pointee.input = nil
        transfer.pointee.inputCount = 0
    }

    func handshake() -> StepResult {
        let result = SSL_do_handshake(ssl)
        guard result == 1 else { return outcome(result) }
        isEstablished = true
        takeOver()
        return .done
    }

    /// Sends what follows by our own hand, where the version and the suite allow it.
    private func takeOver() {
        let secret = transfer.pointee.secret
        transfer.pointee.secret = []
        guard SSL_version(ssl) == TLS1_3_VERSION, let cipher = SSL_get_current_cipher(ssl),
            let suite = CipherSuite(rawValue: SSL_CIPHER_get_protocol_id(cipher)),
            let made = RecordProtection(suite: suite, secret: secret, recordsSent: transfer.pointee.recordsSent)
        else { return }
        protection = made
        transfer.pointee.isTakenOver = true
        transfer.pointee.writer.pointee.protection = .passUnretained(made)
    }

    /// True when ALPN chose `h2`.
    var negotiatedHTTP2: Bool {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        return UnsafeRawBufferPointer(start: name, count: Int(length)).elementsEqual("h2".utf8)
    }

    /// True when the client has gone on with an earlier session.
    var isResumed: Bool { SSL_session_reused(ssl) == 1 }

    /// Decrypts at most `count` bytes into `buffer`; `read` is how many came.
    @inline(__always)
    func read(into buffer: UnsafeMutableRawPointer, count: Int, read: inout Int) -> StepResult {
        let result = SSL_read(ssl, buffer, Int32(count))
        read = max(0, Int(result))
        let step = result > 0 ? .done : outcome(result)
        if transfer.pointee.isTakenOver, hasKeyUpdateToAnswer, !answerKeyUpdate() { return .failed }
        return step
    }

    /// Encrypts all of `bytes` (at most one record's worth) into the output buffer of the session with this handle.
    /// False when the session has failed: the buffer always has room, so that is the only way.
    @inline(__always)
    static func write(_ ssl: OpaquePointer, _ bytes: UnsafeRawPointer, count: Int) -> Bool {
        guard SSL_write(ssl, bytes, Int32(count)) != Int32(count) else { return true }
        ERR_clear_error()
        return false
    }

    /// Appends close_notify to the output, if the session stands.
    func shutdown() {
        guard isEstablished else { return }
        guard protection == nil else {
            // close_notify, as a warning (RFC 8446 section 6.1).
            _ = transfer.pointee.writer.append([1, 0], type: .alert)
            return
        }
        _ = SSL_shutdown(ssl)
        ERR_clear_error()
    }

    /// OpenSSL would answer with its next record; it is made to do so now, and what it sends is seen by `watchMessages`.
    @inline(__always)
    private var hasKeyUpdateToAnswer: Bool {
        if SSL_get_key_update_type(ssl) != SSL_KEY_UPDATE_NONE {
            _ = SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED)
            _ = SSL_do_handshake(ssl)
        }
        return transfer.pointee.isKeyUpdateDue
    }

    /// The client has asked for new keys: ours change too (RFC 8446 section 4.6.3).
    private func answerKeyUpdate() -> Bool {
        transfer.pointee.isKeyUpdateDue = false
        keyUpdates += 1
        guard let protection, keyUpdates <= Self.keyUpdatesMax else { return false }
        return transfer.pointee.writer.changeKey(protection)
    }

    /// Gives back OpenSSL's record buffers, 33 KB, until there is something to read or write again.
    func releaseBuffers() {
        _ = SSL_free_buffers(ssl)
    }

    private func outcome(_ result: Int32) -> StepResult {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ: return .needsInput
        case SSL_ERROR_WANT_WRITE: return .needsOutput
        case SSL_ERROR_ZERO_RETURN: return .closed
        default:
            // What went wrong stays in the thread's queue and would be blamed on the next connection: every method
            // here leaves the queue empty.
            ERR_clear_error()
            isEstablished = false
            if !transfer.pointee.alert.isEmpty {
                _ = transfer.pointee.writer.append(transfer.pointee.alert, type: .alert)
            }
            return .failed
        }
    }
}

/// Takes the server's application traffic secret from a line of the key log, `SERVER_TRAFFIC_SECRET_0 RANDOM SECRET`, in
/// hexadecimal. OpenSSL calls this when it begins to use a secret.
let takeTrafficSecret: @convention(c) (OpaquePointer?, UnsafePointer<CChar>?) -> Void = { ssl, line in
    guard let ssl, let line, let data = SSL_get_ex_data(ssl, 0) else { return }
    let text = UnsafeRawBufferPointer(start: line, count: strlen(line))
    guard text.hasPrefix("SERVER_TRAFFIC_SECRET_0 "), let space = text.lastIndex(of: 0x20) else { return }
    let digits = text.slice(space + 1..<text.count)
    let transfer = data.assumingMemoryBound(to: TLSTransfer.self)
    transfer.pointee.secret = stride(from: 0, to: digits.count - 1, by: 2).map { index in
        hexDigit(digits[index]) << 4 | hexDigit(digits[index + 1])
    }
    transfer.pointee.recordsSent = 0
}

private func hexDigit(_ digit: UInt8) -> UInt8 {
    digit <= UInt8(ascii: "9") ? digit - UInt8(ascii: "0") : (digit | 0x20) - UInt8(ascii: "a") + 10
}

/// Counts the records that OpenSSL sends, and sees what it wants to send once its records do not go out any more.
private let watchMessages:
    @convention(c) (
        Int32, Int32, Int32, UnsafeRawPointer?, Int, OpaquePointer?, UnsafeMutableRawPointer?
    ) -> Void = { isWrite, _, contentType, bytes, count, _, argument in
        guard isWrite == 1, let argument else { return }
        let transfer = argument.assumingMemoryBound(to: TLSTransfer.self)
        if contentType == SSL3_RT_HEADER {
            transfer.pointee.recordsSent += 1
        } else if transfer.pointee.isTakenOver, let bytes {
            let message = UnsafeRawBufferPointer(start: bytes, count: count)
            if contentType == SSL3_RT_ALERT, count == 2 { transfer.pointee.alert = Array(message) }
            if contentType == SSL3_RT_HANDSHAKE, message.first == UInt8(SSL3_MT_KEY_UPDATE) {
                transfer.pointee.isKeyUpdateDue = true
            }
        }
    }

/// The BIO type, made once. `nonisolated(unsafe)` because it is only read after its initialiser.
private nonisolated(unsafe) let transferMethod: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | Int32(BIO_TYPE_SOURCE_SINK), "spillway") else { return nil }
    BIO_meth_set_read(method) { bio, buffer, count in
        guard let bio, let buffer, let data = BIO_get_data(bio) else { return -1 }
        spw_bio_clear_retry(bio)
        let transfer = data.assumingMemoryBound(to: TLSTransfer.self)
        let available = min(Int(count), transfer.pointee.inputCount)
        guard available > 0, let input = transfer.pointee.input else {
            spw_bio_set_retry_read(bio)
            return -1
        }
        UnsafeMutableRawPointer(buffer).copyMemory(from: input, byteCount: available)
        transfer.pointee.input = input + available
        transfer.pointee.inputCount -= available
        return Int32(available)
    }
    BIO_meth_set_write(method) { bio, bytes, count in
        guard let bio, let bytes, let data = BIO_get_data(bio) else { return -1 }
        spw_bio_clear_retry(bio)
        let transfer = data.assumingMemoryBound(to: TLSTransfer.self)
        // OpenSSL's keys and numbers are not the ones in use any more.
        if transfer.pointee.isTakenOver { return count }
        guard transfer.pointee.writer.pointee.output.append(bytes, count: Int(count)) else {
            spw_bio_set_retry_write(bio)
            return -1
        }
        return count
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in
        // Nothing is buffered here, so a flush always succeeds; every other control is unknown.
        command == Int32(BIO_CTRL_FLUSH) ? 1 : 0
    }
    return method
}()
