// SPDX-License-Identifier: Apache-2.0
//
// The upstream behind the caches. It is asked once for each object, so it is simple: a thread for each connection with
// blocking calls. Bodies are constant; the counter is the only thing its threads share. It lives until the process ends.

import Base
import Foundation
import Glibc
import Synchronization

/// An HTTP/1.1 server of fixed objects on a free port of 127.0.0.1, which counts what it is asked.
final class FixedUpstream: Sendable {
    let port: Int
    private let listener: Int32
    private let bodies: [String: [UInt8]]
    private let delayMilliseconds: Int
    private let requests = Atomic<Int>(0)

    /// `bodies` by path, each answer so much after its request. Throws when the system gives no socket.
    init(bodies: [String: [UInt8]], delayMilliseconds: Int = 0) throws {
        self.bodies = bodies
        self.delayMilliseconds = delayMilliseconds
        (listener, port) = try LoopbackSocket.listen()
        Thread.detachNewThread { [self] in acceptForever() }
    }

    /// How many requests have come so far: it stands still while a cache answers by itself.
    var requestCount: Int { requests.load(ordering: .relaxed) }

    private func acceptForever() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            // Not to live on in a server that is started later.
            _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
            Thread.detachNewThread { [self] in
                serve(connection)
                close(connection)
            }
        }
    }

    private func serve(_ connection: Int32) {
        var received: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 16_384)
        while received.count < 65_536 {
            if let end = received.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound {
                guard respond(to: received[..<end], on: connection) else { return }
                received.removeFirst(end)
                continue
            }
            let count = read(connection, &chunk, chunk.count)
            guard count > 0 else { return }
            received += chunk[..<count]
        }
    }

    /// Answers one request without a body. False ends the connection.
    private func respond(to head: ArraySlice<UInt8>, on connection: Int32) -> Bool {
        requests.add(1, ordering: .relaxed)
        let words = head.prefix { $0 != UInt8(ascii: "\r") }.split(separator: UInt8(ascii: " "))
        guard words.count == 3 else { return false }
        let body = bodies[String(decoding: words[1], as: UTF8.self)]
        let lines = [
            body == nil ? "HTTP/1.1 404 Not Found" : "HTTP/1.1 200 OK",
            "Content-Type: application/octet-stream",
            "Content-Length: \(body?.count ?? 0)",
            "Cache-Control: public, max-age=31536000, immutable",
            "ETag: \"\(body?.count ?? 0)\"",
            "Last-Modified: Wed, 01 Jan 2025 00:00:00 GMT",
        ]
        let isHead = words[0].elementsEqual("HEAD".utf8)
        let answer = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + (isHead ? [] : body ?? [])
        if delayMilliseconds > 0 { usleep(UInt32(clamping: delayMilliseconds * 1000)) }
        var sent = 0
        while sent < answer.count {
            let count = answer[sent...].withUnsafeBytes {
                send(connection, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            sent += count
        }
        return true
    }
}
