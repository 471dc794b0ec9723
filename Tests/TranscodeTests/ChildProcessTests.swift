// SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization
import Testing

@testable import Transcode

/// The media child as a process of its own.
@Suite struct ChildProcessTests {
    static let limits = Confinement(memoryBytesMax: 8 << 30, secondsMax: 120)

    func child(
        _ input: String, folder: String, executable: String = Tool.transcode, limits: Confinement = limits
    ) throws -> (ChildProcess, descriptor: Int32) {
        let descriptor = open(input, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Tool.Failure(description: "open \(input)") }
        let job = ChildProcess.Job(
            input: descriptor, folder: folder, preset: "ultrafast", confinement: limits, executable: executable)
        return (ChildProcess(job), descriptor)
    }

    func outcome(
        _ input: String, folder: String? = nil, executable: String = Tool.transcode, limits: Confinement = limits
    ) throws -> ChildOutcome {
        let (child, descriptor) = try child(
            input, folder: folder ?? TestFiles.folder(), executable: executable, limits: limits)
        defer { close(descriptor) }
        return try child.run { _ in }
    }

    /// A program that does what `script` says instead of transcoding. Another process writes it: a descriptor of
    /// this one could be inherited by a child of another test, and a file open for writing can not be started.
    func program(_ script: String) throws -> String {
        let text = try TestFiles.file(Array("#!/bin/sh\n\(script)\n".utf8), name: "text")
        let path = try TestFiles.folder() + "/child"
        try Tool.succeed("cp", [text, path])
        try Tool.succeed("chmod", ["755", path])
        return path
    }

    @Test func aChildMakesWhatTheProcessItselfWouldMake() throws {
        let folder = try TestFiles.folder()
        let source = try Clip.shortSound.source()
        guard case .result(let result) = try outcome(source, folder: folder) else {
            Issue.record("no result")
            return
        }
        let here = try Transcoded.of(.shortSound)
        #expect(result.renditions.map(\.name) == here.result.renditions.map(\.name))
        #expect(
            result.renditions.map { $0.segments.map(\.name) } == here.result.renditions.map { $0.segments.map(\.name) })
        #expect(result.durationSeconds == here.result.durationSeconds)
        #expect(try TestFiles.list(folder) == TestFiles.list(here.folder))
    }

    @Test func theChildsSentenceComesThrough() throws {
        let text = try TestFiles.file(Array("#EXTM3U\nhttp://127.0.0.1/\n".utf8))
        #expect(try outcome(text) == .unusable(HostileInputTests.playlist))
    }

    @Test func aResultFolderThatIsMissingIsTheOperatorsFault() throws {
        let folder = try TestFiles.folder() + "/missing"
        #expect(throws: MediaError.failed("open the folder \(folder): errno \(ENOENT)")) {
            _ = try outcome(try Clip.upright.source(), folder: folder)
        }
    }

    @Test func crashesAndLimitsAreTold() throws {
        let input = try TestFiles.file([1])
        #expect(try outcome(input, executable: "/bin/false") == .crashed(ChildFault(.exit(1))))
        #expect(try outcome(input, executable: try program("kill -SEGV $$")) == .crashed(ChildFault(.signal(SIGSEGV))))
        #expect(
            try outcome(input, executable: try program("kill -XCPU $$")) == .crashed(ChildFault(.processorTime)))
        #expect(try outcome(input, executable: try program("kill -SYS $$")) == .crashed(ChildFault(.refusedCall(nil))))
        let late = try program("exec sleep 60")
        let start = Date()
        #expect(
            try outcome(input, executable: late, limits: Confinement(memoryBytesMax: 1 << 30, secondsMax: 1))
                == .timedOut)
        #expect(Date().timeIntervalSince(start) < 30)
    }

    @Test func aResultOfAChildThatThenCrashesDoesNotCount() throws {
        let message = ChildMessage.result(MediaResult(durationSeconds: 1, width: 2, height: 2, renditions: []))
        let line = String(decoding: try JSONEncoder().encode(message), as: UTF8.self)
        let input = try TestFiles.file([1])
        guard case .result = try outcome(input, executable: try program("echo '\(line)'")) else {
            Issue.record("no result")
            return
        }
        #expect(
            try outcome(input, executable: try program("echo '\(line)'; kill -KILL $$"))
                == .crashed(ChildFault(.signal(SIGKILL))))
        #expect(try outcome(input, executable: try program("echo nonsense")) == .crashed(ChildFault(.exit(0))))
    }

    @Test func theMemoryLimitHolds() throws {
        // Wherever the memory ends, it is not the file that is blamed.
        for megabytes in [60, 320, 340, 360, 380, 400, 420] {
            let limits = Confinement(memoryBytesMax: megabytes << 20, secondsMax: 120)
            switch try outcome(try Clip.upright.source(), limits: limits) {
            case .failed, .crashed: break
            case .result where megabytes > 60: break
            case let other: Issue.record("\(megabytes) MiB: \(other)")
            }
        }
    }

    @Test func killEndsAChildAtWork() throws {
        let (child, descriptor) = try child(try TestFiles.file([1]), folder: "/", executable: program("exec sleep 60"))
        defer { close(descriptor) }
        let start = Date()
        let thread = Thread {
            usleep(300_000)
            child.kill()
        }
        thread.start()
        #expect(try child.run { _ in } == .killed)
        #expect(Date().timeIntervalSince(start) < 30)
    }

    @Test func aChildThatIsKilledBeforeItStartsEndsAtOnce() throws {
        let (child, descriptor) = try child(try TestFiles.file([1]), folder: "/", executable: program("exec sleep 60"))
        defer { close(descriptor) }
        child.kill()
        #expect(try child.run { _ in } == .killed)
    }

    @Test func theChildGetsNoEnvironmentAndNoInput() throws {
        setenv("SPILLWAY_TEST_SECRET", "secret", 1)
        let folder = try TestFiles.folder()
        let script = try program("env > \(folder)/environment; readlink /proc/$$/fd/0 > \(folder)/input; exit 1")
        _ = try outcome(try TestFiles.file([1]), executable: script)
        #expect(!(try TestFiles.text(folder + "/environment")).contains("SECRET"))
        #expect(try TestFiles.text(folder + "/input") == "/dev/null\n")
    }

    @Test func theChildAtWorkIsConfined() throws {
        // Not marked close-on-exec: what a careless part of the parent might have open.
        let secret = try TestFiles.file(Array("secret".utf8), name: "secret")
        let leak = open(secret, O_RDONLY)
        defer { close(leak) }
        let folder = try TestFiles.folder()
        let (child, descriptor) = try child(try Clip.wide.source(), folder: folder)
        defer { close(descriptor) }
        let ended = DispatchSemaphore(value: 0)
        Thread {
            _ = try? child.run { _ in }
            ended.signal()
        }.start()
        defer {
            child.kill()
            ended.wait()
        }
        var tries = 0
        while !FileManager.default.fileExists(atPath: folder + "/720p/init.mp4"), tries < 1000 {
            usleep(20_000)
            tries += 1
        }
        let process = "/proc/\(child.number)"
        // Only root sees the descriptors of a process that forbids dumps.
        if geteuid() == 0 {
            let open = try FileManager.default.contentsOfDirectory(atPath: process + "/fd").compactMap {
                try? FileManager.default.destinationOfSymbolicLink(atPath: "\(process)/fd/\($0)")
            }
            #expect(open.contains(try Clip.wide.source()))
            #expect(!open.contains { $0.hasSuffix("/secret") || $0.hasPrefix("socket:") }, "\(open)")
        }
        // These belong to a thread: all must have them.
        let threads = try FileManager.default.contentsOfDirectory(atPath: process + "/task")
        let statuses = threads.compactMap { try? TestFiles.text("\(process)/task/\($0)/status") }
        #expect(statuses.count > 1)
        for status in statuses {
            #expect(status.contains("NoNewPrivs:\t1\n"))
            #expect(status.contains("Seccomp:\t2\n"))
            #expect(status.contains("CapEff:\t0000000000000000\n") && status.contains("CapPrm:\t0000000000000000\n"))
        }
        let limits = try TestFiles.text(process + "/limits")
        for (name, value) in [
            ("Max address space", "\(8 << 30)"), ("Max core file size", "0"), ("Max open files", "0"),
            ("Max file size", "0"),
        ] {
            let line = try #require(limits.split(separator: "\n").first { $0.hasPrefix(name) })
            #expect(line.dropFirst(name.count).split(separator: " ").first.map(String.init) == value, "\(line)")
        }
        #expect(getsid(child.number) == child.number)
        #expect(try FileManager.default.destinationOfSymbolicLink(atPath: process + "/cwd") == "/")
    }

    @Test func aChildThatStaysAfterItsLastWordIsEnded() throws {
        let input = try TestFiles.file([1])
        let start = Date()
        // It closes its output, or everything, and sleeps.
        let closed = try program("exec sleep 60 >&- 2>&-")
        #expect(try outcome(input, executable: closed) == .crashed(ChildFault(.signal(SIGKILL))))
        #expect(Date().timeIntervalSince(start) < 30)
    }

    @Test func theChildsLastWordsAreKeptForTheOperator() throws {
        let script = try program("printf 'free(): \\033[1minvalid\\npointer' >&2; kill -ABRT $$")
        let expected = ChildFault(.signal(SIGABRT), lastWords: "free(): [1minvalid pointer")
        #expect(try outcome(try TestFiles.file([1]), executable: script) == .crashed(expected))
        // A flood of words does not hold up the end.
        let flood = try program("head -c 3000000 /dev/zero | tr '\\0' x >&2; kill -ABRT $$")
        guard case .crashed(let fault) = try outcome(try TestFiles.file([1]), executable: flood) else {
            Issue.record("no crash")
            return
        }
        #expect(fault.kind == .signal(SIGABRT) && fault.lastWords == String(repeating: "x", count: 2048))
    }

    @Test func aChildThatWantsToWriteElsewhereIsEnded() throws {
        let folder = try TestFiles.folder()
        let line = #"{"file":{"bytes":3,"name":"../elsewhere"}}"#
        let script = try program("echo '\(line)'; printf abc; exec sleep 60")
        let outcome = try outcome(try TestFiles.file([1]), folder: folder, executable: script)
        #expect(outcome == .crashed(ChildFault(.output("a file with a name that is not allowed"))))
        #expect(outcome.name == "output")
        #expect(!FileManager.default.fileExists(atPath: folder + "/../elsewhere"))
    }

    @Test func whatAChildHandsOverIsStored() throws {
        let folder = try TestFiles.folder()
        let lines = [
            #"echo '{"folder":{"_0":"240p"}}'; echo '{"file":{"bytes":3,"name":"240p/0.m4s"}}'; printf abc"#,
            #"echo '{"file":{"bytes":0,"name":"240p/1.m4s"}}'; echo '{"file":{"bytes":9,"name":"cut"}}'; printf a"#,
        ]
        let outcome = try outcome(
            try TestFiles.file([1]), folder: folder, executable: try program(lines.joined(separator: "\n")))
        #expect(outcome == .crashed(ChildFault(.exit(0))))
        #expect(try TestFiles.text(folder + "/240p/0.m4s") == "abc")
        #expect(try TestFiles.list(folder) == ["240p", "240p/0.m4s", "240p/1.m4s"])
    }

    @Test func theLimitOnOutputEndsAChild() throws {
        let descriptor = open(try Clip.shortSound.source(), O_RDONLY | O_CLOEXEC)
        defer { close(descriptor) }
        var job = ChildProcess.Job(
            input: descriptor, folder: try TestFiles.folder(), preset: "ultrafast", confinement: Self.limits,
            executable: Tool.transcode)
        job.limits.fileBytesMax = 10_000
        guard case .crashed(let fault) = try ChildProcess(job).run(progress: { _ in }) else {
            Issue.record("no fault")
            return
        }
        #expect(fault.description.hasPrefix("refused output: a file of "))
        #expect(fault.name == "output")
    }

    @Test func noConnectionIsMade() throws {
        let listener = try Listener()
        defer { listener.stop() }
        let lists = [
            "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:\(listener.port)/a.ts\n#EXT-X-ENDLIST\n",
            "\u{1}\n#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nhttp://127.0.0.1:\(listener.port)/a.ts\n",
            "ffconcat version 1.0\nfile 'http://127.0.0.1:\(listener.port)/a.mp4'\n",
        ]
        for list in lists {
            guard case .unusable = try outcome(try TestFiles.file(Array(list.utf8))) else {
                Issue.record("accepted: \(list)")
                continue
            }
        }
        #expect(!listener.wasReached)
        // The listener does notice a caller.
        _ = try Tool.run("ffprobe", ["-v", "quiet", "tcp://127.0.0.1:\(listener.port)?timeout=300000"])
        #expect(listener.wasReached)
    }
}

/// A socket on 127.0.0.1 that tells whether somebody called.
private struct Listener {
    let descriptor: Int32
    let port: UInt16

    init() throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let isBound = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && listen(descriptor, 8) == 0
                    && getsockname(descriptor, address, &length) == 0
            }
        }
        guard isBound else { throw Tool.Failure(description: "listen: errno \(errno)") }
        port = UInt16(bigEndian: address.sin_port)
    }

    var wasReached: Bool {
        let accepted = accept(descriptor, nil, nil)
        if accepted >= 0 { close(accepted) }
        return accepted >= 0
    }

    func stop() { close(descriptor) }
}
