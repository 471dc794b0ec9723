// SPDX-License-Identifier: Apache-2.0
//
// The probe is a blocking client on one kept connection. It belongs to one thread, which asks for the scheduler's real-time
// class for as long as it probes: its own delays would count as the server's.

import Base
import COpenSSL
import Glibc

/// Asks for a small object again and again on one connection (HTTP/1.1 over TLS) and measures how long each answer takes.
final class DelayProbe {
    private let context: OpaquePointer
    private let connection: OpaquePointer
    private let descriptor: Int32
    private let request: [UInt8]
    private let answerEnd: [UInt8]
    private var received: [UInt8] = []
    private var chunk = [UInt8](repeating: 0, count: 16_384)
    /// Answers that did not come from memory.
    private(set) var otherAnswers = 0

    /// Connects. Throws when the handshake fails.
    init(port: Int, certificateFile: String) throws {
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw BenchError("OpenSSL gives no context") }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
        guard SSL_CTX_load_verify_locations(context, certificateFile, nil) == 1, let connection = SSL_new(context)
        else {
            SSL_CTX_free(context)
            throw BenchError("\(certificateFile) can not be read")
        }
        self.context = context
        self.connection = connection
        descriptor = try LoopbackSocket.connect(port: port, timeoutSeconds: 10)
        request = Array("GET \(DiskObjects.probe.path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
        answerEnd = Array(DiskObjects.probe.makeBody().suffix(64))
        SSL_set_fd(connection, descriptor)
        guard SSL_connect(connection) == 1 else { throw BenchError("the probe's handshake failed") }
    }

    deinit {
        SSL_free(connection)
        SSL_CTX_free(context)
        close(descriptor)
    }

    /// Probes every `intervalMicroseconds` until `isDone`. A delay counts from the request; from when it was due, where the
    /// answer before it came too late for that: a stall delays all that would have been sent meanwhile.
    func run(intervalMicroseconds: Int64, until isDone: () -> Bool) throws -> [Int] {
        let isUrgent = Self.setUrgent(true)
        defer { if isUrgent { _ = Self.setUrgent(false) } }
        var delays: [Int] = []
        var due = Clock.monotonicMicroseconds()
        while !isDone() {
            due += intervalMicroseconds
            let early = due - Clock.monotonicMicroseconds()
            if early > 0 { usleep(UInt32(early)) }
            let start = early > 0 ? Clock.monotonicMicroseconds() : due
            try ask()
            delays.append(Int(Clock.monotonicMicroseconds() - start))
        }
        return delays
    }

    /// One request and its answer.
    func ask() throws {
        guard SSL_write(connection, request, Int32(request.count)) == Int32(request.count) else {
            throw BenchError("the probe's connection ended")
        }
        received.removeAll(keepingCapacity: true)
        while received.count < DiskObjects.probe.bytes || !received.suffix(answerEnd.count).elementsEqual(answerEnd) {
            let count = SSL_read(connection, &chunk, Int32(chunk.count))
            guard count > 0, received.count < 65_536 else { throw BenchError("the probe got no whole answer") }
            received += chunk[..<Int(count)]
        }
        guard received.starts(with: "HTTP/1.1 200".utf8) else { throw BenchError("the probe got another answer") }
        if received.firstRange(of: Array("; hit\r\n".utf8)) == nil { otherAnswers += 1 }
    }

    /// Puts the calling thread before all ordinary ones, or back among them. False where that is not allowed.
    private static func setUrgent(_ isUrgent: Bool) -> Bool {
        var parameter = sched_param()
        parameter.sched_priority = isUrgent ? 1 : 0
        return sched_setscheduler(0, isUrgent ? SCHED_FIFO : SCHED_OTHER, &parameter) == 0
    }
}
