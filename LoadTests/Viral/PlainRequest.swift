// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc

/// One blocking HTTP/1.1 request to a server on 127.0.0.1, over a connection of its own.
enum PlainRequest {
    struct Answer {
        /// Head and body as they came.
        var bytes: [UInt8]
        /// From the request to the first bytes of the answer.
        var firstByteMicroseconds: Int64

        var text: String { String(decoding: bytes, as: UTF8.self) }
    }

    private static let answerBytesMax = 64 << 20

    /// Throws when there is no answer within 30 s.
    static func get(_ path: String, port: Int) throws -> Answer {
        let connection = try LoopbackSocket.connect(port: port, timeoutSeconds: 30)
        defer { close(connection) }
        let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".utf8)
        let started = Clock.monotonicMicroseconds()
        guard send(connection, request, request.count, Int32(MSG_NOSIGNAL)) == request.count else {
            throw SystemError("a request to port \(port)", code: errno)
        }
        var answer = Answer(bytes: [], firstByteMicroseconds: 0)
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while answer.bytes.count < answerBytesMax {
            let count = read(connection, &chunk, chunk.count)
            guard count >= 0 else { throw SystemError("an answer of port \(port)", code: errno) }
            if answer.bytes.isEmpty { answer.firstByteMicroseconds = Clock.monotonicMicroseconds() - started }
            answer.bytes += chunk[..<count]
            if count == 0 || isWhole(answer.bytes) { return answer }
        }
        throw BenchError("an answer of port \(port) has no end")
    }

    /// Servers may keep the connection: the length tells the end.
    private static func isWhole(_ bytes: [UInt8]) -> Bool {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8))?.upperBound else { return false }
        let lines = String(decoding: bytes[..<end], as: UTF8.self).split(whereSeparator: \.isNewline)
        let length = lines.first { $0.lowercased().hasPrefix("content-length: ") }?.dropFirst(16)
        return length.flatMap { Int($0) }.map { bytes.count - end >= $0 } ?? false
    }
}
