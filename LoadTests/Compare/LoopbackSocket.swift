// SPDX-License-Identifier: Apache-2.0

import Base
import Glibc

/// Sockets of this machine: TCP on 127.0.0.1, and UNIX sockets.
enum LoopbackSocket {
    /// A socket that listens on a free port, and the port.
    static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket", code: errno) }
        var address = address(port: 0)
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let bound = withGeneric(&address) { bind(descriptor, $0, length) }
        guard bound == 0, Glibc.listen(descriptor, 128) == 0 else { throw SystemError("listen", code: errno) }
        var actualLength = length
        _ = withGeneric(&address) { getsockname(descriptor, $0, &actualLength) }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }

    /// A free port. It is free when it is found; a server that comes too late for it says so itself.
    static func freePort() throws -> Int {
        let (descriptor, port) = try listen()
        close(descriptor)
        return port
    }

    /// A blocking connection to the port; calls on it fail after `timeoutSeconds` without progress.
    static func connect(port: Int, timeoutSeconds: Int) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw SystemError("socket", code: errno) }
        var limit = timeval(tv_sec: timeoutSeconds, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        var isOn: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
        var address = address(port: port)
        let result = withGeneric(&address) {
            Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        guard result == 0 else {
            let error = SystemError("connect to port \(port)", code: errno)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Whether something listens on the port.
    static func answers(port: Int) -> Bool {
        guard let descriptor = try? connect(port: port, timeoutSeconds: 10) else { return false }
        close(descriptor)
        return true
    }

    /// Whether something listens on the UNIX socket `path`.
    static func answers(path: String) -> Bool {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { return false }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        } == 0
    }

    private static func address(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    private static func withGeneric<Result>(
        _ address: inout sockaddr_in, _ body: (UnsafeMutablePointer<sockaddr>) -> Result
    ) -> Result {
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }
}
