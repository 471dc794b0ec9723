// SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import Base
import Glibc

/// `loadtest disk`: what the disk tier costs, and whom it delays.
struct DiskCommand: ParsableCommand {
    enum Part: String, CaseIterable, ExpressibleByArgument {
        /// Processor time.
        case cost
        /// What a cold disk adds to other connections' delays.
        case delay
    }

    static let configuration = CommandConfiguration(
        commandName: "disk",
        abstract: "Measures responses from the disk tier beside responses from memory.",
        discussion: """
            Starts two edges with one worker each on the first core, one with memory for all objects and one with memory \
            for 20, puts the same objects of 1.5 MB on the disk of both, and asks both for them in turn from the \
            second core. Each response is checked to have come from where it was to.
            """)

    @Option(name: .long, parsing: .upToNextOption, help: "Only these parts: cost delay.")
    var parts: [Part] = Part.allCases

    @Option(name: .long, help: "Measurements of each kind (1 to 99).")
    var rounds = 7

    @Option(name: .long, help: "Processor seconds that one measurement of the cost is to take (0.01 to 60).")
    var cpuSeconds = 1.2

    @Option(name: .long, help: "Seconds of one measurement of delays (1 to 600).")
    var seconds = 6

    @Option(name: .long, help: "Responses a second while delays are measured (1 to 10000).")
    var rate = 80

    @Option(name: .long, help: "h2load processes, each with one connection (1 to 8).")
    var processes = 8

    @Option(name: .long, help: "Objects that each process asks for in turn (8 to 1000).")
    var objects = 16

    @Option(name: .long, help: "The edge's program. Default: the one beside this program.")
    var edge: String?

    @Option(name: .long, help: "A folder for configurations, databases and logs; what is in it is removed.")
    var folder = "var/bench-disk"

    func validate() throws {
        guard (1...99).contains(rounds) else { throw ValidationError("--rounds must be 1 to 99.") }
        guard (0.01...60).contains(cpuSeconds) else { throw ValidationError("--cpu-seconds must be 0.01 to 60.") }
        guard (1...600).contains(seconds) else { throw ValidationError("--seconds must be 1 to 600.") }
        guard (1...10_000).contains(rate) else { throw ValidationError("--rate must be 1 to 10000.") }
        // More could be using all the memory that the edge with little may have.
        guard (1...8).contains(processes) else { throw ValidationError("--processes must be 1 to 8.") }
        guard (8...1000).contains(objects), processes * objects > 2 * DiskEdge.Memory.scarceObjects else {
            throw ValidationError("--objects must be 8 to 1000, and more than memory has room for.")
        }
    }

    func run() throws {
        // A server that ends while it is written to must not end the measurement.
        signal(SIGPIPE, SIG_IGN)
        do {
            let report = try measure()
            print(report.plain)
            if report.verdicts.contains(where: { $0.outcome != .reached }) { throw ExitCode(1) }
        } catch let error as BenchError {
            printError("loadtest: \(error)")
            throw ExitCode(1)
        }
    }

    private func measure() throws -> DiskReport {
        for program in ["openssl", "curl", "h2load", "taskset", "setpriv"] where !Programs.isInstalled(program) {
            throw BenchError("\(program) is not installed: run `scripts/setup bench`")
        }
        let cores = Cores.ofThisProcess
        let folder = try BenchFolder(path: Programs.absolute(folder))
        var report = DiskReport(machine: try Machine.read(scratch: folder.path + "/machine.log"))
        // The probe and the upstream must not run on the server's core. Threads that start later inherit that.
        try Programs.run(
            ["taskset", "--cpu-list", "--pid", cores.client, String(getpid())], output: folder.path + "/taskset.log")
        let objects = DiskObjects(processes: processes, perProcess: objects)
        let load = DiskLoad(objects: objects, core: cores.client, folder: folder)
        let upstream = try FixedUpstream(bodies: objects.bodies())
        let program = Programs.edge(edge)
        func start(_ source: DiskEdge.Source, _ memory: DiskEdge.Memory) throws -> DiskEdge {
            try DiskEdge(
                source, memory: memory, program: program, folder: folder, objects: objects, upstream: upstream,
                core: cores.server)
        }
        var edges: [DiskEdge] = []
        defer { for edge in edges { edge.stop() } }
        for source in DiskEdge.Source.allCases {
            edges.append(try start(source, .ample))
            try fill(edges[edges.count - 1], load)
        }
        // The same disk, by a new process with less memory.
        edges.removeLast().stop()
        edges.append(try start(.disk, .scarce))
        try warm(edges[1], load)
        if parts.contains(.cost) {
            report.cost = try DiskCost(
                edges: edges, load: load, rounds: rounds, cpuSeconds: cpuSeconds, log: log
            ).run()
        }
        if parts.contains(.delay) {
            report.delay = try DiskDelay(
                edges: edges, load: load, certificateFile: folder.certificate, rounds: rounds, seconds: seconds,
                requestsPerSecond: rate, log: log
            ).run()
        }
        return report
    }

    /// Asks for each object twice, and waits until all are on disk.
    private func fill(_ edge: DiskEdge, _ load: DiskLoad) throws {
        log("putting \(load.objects.count) objects on the disk of the edge that serves from \(edge.source)")
        for _ in 0..<2 { try warm(edge, load) }
        try edge.waitForObjects(load.objects.count)
    }

    /// Asks for each object once: each checksum is compared once in the life of a process.
    private func warm(_ edge: DiskEdge, _ load: DiskLoad) throws {
        try load.finish(load.start(load.objects.count, on: edge), requests: load.objects.count)
    }

    private func log(_ text: String) { printError("loadtest: " + text) }
}
