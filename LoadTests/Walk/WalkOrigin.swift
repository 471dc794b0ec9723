// SPDX-License-Identifier: Apache-2.0
//
// The origin behind the edge: a thread for each connection with blocking calls, which sleeps before each answer. Bodies
// are constant; the counter is the only thing that its threads share. It lives until the process ends.

import Base
import Foundation
import Glibc
import Synchronization

/// An HTTP/1.1 server of the videos of a plan on a free port of 127.0.0.1.
final class WalkOrigin: Sendable {
    let port: Int
    private let listener: Int32
    private let playlist: [UInt8]
    private let segment: [UInt8]
    private let delayMicroseconds: UInt32
    private let requests = Atomic<Int>(0)

    /// Throws when the system gives no socket.
    init(_ plan: WalkPlan) throws {
        playlist = Array(plan.playlist.utf8)
        segment = (0..<plan.segmentBytes).map { UInt8(truncatingIfNeeded: $0 / 3) }
        delayMicroseconds = UInt32(plan.originMilliseconds * 1000)
        (listener, port) = try LoopbackSocket.listen()
        Thread.detachNewThread { [self] in acceptForever() }
    }

    /// How many requests have come so far.
    var requestCount: Int { requests.load(ordering: .relaxed) }

    private func acceptForever() {
        while true {
            let connection = accept(listener, nil, nil)
            guard connection >= 0 else { continue }
            // Not to live on in an edge that is started later.
            _ = fcntl(connection, F_SETFD, FD_CLOEXEC)
            var isOn: Int32 = 1
            setsockopt(connection, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
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

    /// Answers one request. False ends the connection.
    private func respond(to head: ArraySlice<UInt8>, on connection: Int32) -> Bool {
        requests.add(1, ordering: .relaxed)
        usleep(delayMicroseconds)
        let isPlaylist = head.prefix { $0 != UInt8(ascii: "\r") }.firstRange(of: Array(".m3u8 ".utf8)) != nil
        let body = isPlaylist ? playlist : segment
        let type = isPlaylist ? "application/vnd.apple.mpegurl" : "video/iso.segment"
        let lines = [
            "HTTP/1.1 200 OK", "Content-Type: \(type)", "Content-Length: \(body.count)",
            "Cache-Control: public, max-age=31536000, immutable", "ETag: \"\(body.count)\"",
        ]
        let answer = Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
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
