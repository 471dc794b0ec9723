// SPDX-License-Identifier: Apache-2.0

/// What is asked for: large objects, each in the cycle of one load process, and a small one for the probe.
struct DiskObjects: Sendable {
    static let bodyBytes = BenchObject.large.bytes
    static let probe = BenchObject.small

    let processes: Int
    /// Objects that one load process asks for in turn. No two processes share one, so that none answers for another.
    let perProcess: Int

    var count: Int { processes * perProcess }
    var bytes: Int { count * Self.bodyBytes }

    /// The paths of one load process, in its order.
    func paths(of process: Int) -> [String] {
        (0..<perProcess).map { "/v/bench/disk-\(process * perProcess + $0).bin" }
    }

    var allPaths: [String] { (0..<processes).flatMap { paths(of: $0) } }

    /// All bodies by path, as an upstream takes them. No two are alike at any offset, but for chance.
    func bodies() -> [String: [UInt8]] {
        let body = BenchObject.large.makeBody()
        var bodies = [Self.probe.path: Self.probe.makeBody()]
        for (number, path) in allPaths.enumerated() { bodies[path] = Self.body(number, from: body) }
        return bodies
    }

    /// The same bytes, begun elsewhere.
    private static func body(_ number: Int, from body: [UInt8]) -> [UInt8] {
        let start = number * 4099 % body.count
        return Array(body[start...] + body[..<start])
    }
}
