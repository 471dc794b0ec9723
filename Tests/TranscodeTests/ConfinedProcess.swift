// SPDX-License-Identifier: Apache-2.0

import Foundation

@testable import Transcode

/// A copy of the test's own process that gives up its rights and then tries something.
///
/// It is made by fork(2), which Swift hides because the copy has one thread only: what runs in it are system calls on
/// memory that was prepared before, and nothing else.
enum ConfinedProcess {
    /// Which of the layers are entered.
    enum Layers: Sendable {
        case none, all, filter, landlock, descriptors
    }

    enum Ending: Equatable {
        /// The call's return value or negative errno.
        case value(Int)
        /// It ended; 99 is the status of a copy that could not be confined.
        case fault(ChildFault.Kind)
    }

    private typealias Fork = @convention(c) () -> pid_t
    private typealias SystemCallFunction = @convention(c) (Int, Int, Int, Int, Int, Int, Int) -> Int

    private static func symbol<Function>(_ name: String, as type: Function.Type) throws -> Function {
        guard let address = dlsym(nil, name) else { throw Tool.Failure(description: "no \(name)") }
        return unsafeBitCast(address, to: type)
    }

    /// Makes the system call `name` in a confined copy.
    static func attempt(_ name: String, _ arguments: [Int], layers: Layers) throws -> Ending {
        guard let architecture = Architecture.current, let number = SystemCall.number(name, architecture) else {
            throw Tool.Failure(description: "no \(name) here")
        }
        let call = try symbol("syscall", as: SystemCallFunction.self)
        let padded = arguments + [Int](repeating: 0, count: 6 - arguments.count)
        let (a, b, c, d, e, f) = (padded[0], padded[1], padded[2], padded[3], padded[4], padded[5])
        return try attempt(layers: layers) {
            let result = call(Int(number), a, b, c, d, e, f)
            return result < 0 ? -Int(errno) : result
        }
    }

    /// Runs `body` in a confined copy; it may only make system calls.
    static func attempt(layers: Layers, _ body: () -> Int) throws -> Ending {
        try attempt(prepared(layers), body)
    }

    /// The same with a confinement that a test has put together; nil for none.
    static func attempt(_ confinement: PreparedConfinement?, _ body: () -> Int) throws -> Ending {
        let fork = try symbol("fork", as: Fork.self)
        let result = try PipeEnds()
        let errors = try PipeEnds()
        defer { for end in [result.reading, errors.reading] { close(end) } }
        var answer = 0
        var signals = sigset_t()
        sigemptyset(&signals)
        let pid = fork()
        if pid == 0 {
            // The thread that runs a test blocks some.
            sigprocmask(SIG_SETMASK, &signals, nil)
            dup2(errors.writing, STDERR_FILENO)
            if let confinement, (try? confinement.enter()) == nil { _exit(99) }
            answer = body()
            write(result.writing, &answer, MemoryLayout<Int>.size)
            _exit(0)
        }
        for end in [result.writing, errors.writing] { close(end) }
        guard pid > 0 else { throw Tool.Failure(description: "fork: errno \(errno)") }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
        if read(result.reading, &answer, MemoryLayout<Int>.size) == MemoryLayout<Int>.size { return .value(answer) }
        var text = [UInt8](repeating: 0, count: 256)
        let count = max(0, read(errors.reading, &text, text.count))
        return .fault(ChildFault(status: status, errors: Array(text[..<count])).kind)
    }

    private static func prepared(_ layers: Layers) throws -> PreparedConfinement? {
        var confinement = try Confinement(memoryBytesMax: 1 << 40, secondsMax: 3600).prepared()
        switch layers {
        case .none: return nil
        case .all: break
        case .filter:
            confinement.landlock = nil
            confinement.limits = []
        case .landlock:
            confinement.filter = []
            confinement.limits = []
        case .descriptors:
            confinement.filter = []
            confinement.landlock = nil
            confinement.limits.removeAll { $0.name != "open files" }
        }
        return confinement
    }
}
