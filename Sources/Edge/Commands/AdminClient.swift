// SPDX-License-Identifier: Apache-2.0

import Base
import CLinux
import Glibc

/// Asks a node's administration interface: one request on a connection of its own, for commands that may wait.
enum AdminClient {
    /// More than any answer of a node.
    private static let answerBytesMax = 65_536

    struct Answer {
        var status: Int
        var content: String
    }

    /// Why there is no answer, as the end of a line for people.
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    /// Posts an empty request. Throws a `Failure`.
    static func post(
        _ endpoint: Endpoint, _ target: String, token: String, timeoutMilliseconds: Int
    ) throws(Failure) -> Answer {
        let deadline = Clock.monotonicMilliseconds() + Int64(timeoutMilliseconds)
        let descriptor = spw_connect_tcp(endpoint.address, endpoint.port)
        guard descriptor >= 0 else { throw failure("can not be reached", -descriptor) }
        defer { _ = spw_close(descriptor) }
        try wait(descriptor, POLLOUT, deadline)
        let error = spw_socket_error(descriptor)
        guard error == 0 else { throw failure("can not be reached", error) }
        let head =
            "POST \(target) HTTP/1.1\r\nhost: \(endpoint)\r\nauthorization: Bearer \(token)\r\n"
            + "content-length: 0\r\nconnection: close\r\n\r\n"
        try write(Array(head.utf8), to: descriptor, deadline)
        return try parse(read(descriptor, deadline))
    }

    private static func write(_ bytes: [UInt8], to descriptor: Int32, _ deadline: Int64) throws(Failure) {
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { spw_write(descriptor, $0.baseAddress! + written, $0.count - written) }
            if count > 0 {
                written += count
            } else {
                guard count == -Int(EAGAIN) else { throw failure("has closed the connection", Int32(-count)) }
                try wait(descriptor, POLLOUT, deadline)
            }
        }
    }

    /// Everything until the node closes.
    private static func read(_ descriptor: Int32, _ deadline: Int64) throws(Failure) -> [UInt8] {
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        while answer.count < answerBytesMax {
            let count = spw_read(descriptor, &chunk, chunk.count)
            if count == 0 { break }
            if count > 0 {
                answer += chunk[..<count]
            } else {
                guard count == -Int(EAGAIN) else { throw failure("has closed the connection", Int32(-count)) }
                try wait(descriptor, POLLIN, deadline)
            }
        }
        return answer
    }

    private static func parse(_ bytes: [UInt8]) throws(Failure) -> Answer {
        let text = String(decoding: bytes, as: UTF8.self)
        let words = text.prefix { $0 != "\r\n" }.split(separator: " ")
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw Failure(description: bytes.isEmpty ? "closed without an answer" : "answers, but not with HTTP")
        }
        let content = text.split(separator: "\r\n\r\n", maxSplits: 1, omittingEmptySubsequences: false)
        return Answer(status: status, content: content.count == 2 ? String(content[1]) : "")
    }

    private static func wait(_ descriptor: Int32, _ events: Int32, _ deadline: Int64) throws(Failure) {
        while true {
            let left = deadline - Clock.monotonicMilliseconds()
            guard left > 0 else { throw Failure(description: "no answer in time") }
            var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
            if poll(&entry, 1, Int32(clamping: left)) > 0 { return }
        }
    }

    private static func failure(_ text: String, _ code: Int32) -> Failure {
        Failure(description: "\(text): \(String(cString: spw_error_text(code)))")
    }
}
