// SPDX-License-Identifier: Apache-2.0

/// What came of a viral test. Times are in microseconds.
struct ViralReport: Codable {
    /// Opening the connections, handshakes included.
    struct Opening: Codable {
        var microseconds: Int64
        /// Of all edges together.
        var edgeCPUSeconds: Double
        /// Of all edges together, with the connections open.
        var edgeMemory: ProcessMemory
    }

    let clients: Int
    let edges: Int
    let bytes: Int
    let delayMilliseconds: Int
    let spreadMilliseconds: Int
    /// Of the origin alone.
    let originFirstByte: Int64
    /// Before the cold round, and before the warm one.
    private(set) var openings: [Opening] = []
    /// The object was nowhere but at the origin.
    private(set) var cold: ViralRound?
    /// The same clients, the same object: each edge has it. What its first bytes take is the machine's queueing.
    private(set) var warm: ViralRound?

    init(settings: ViralSettings, originFirstByte: Int64) {
        clients = settings.clients
        edges = settings.edges
        bytes = settings.bytes
        delayMilliseconds = settings.delayMilliseconds
        spreadMilliseconds = settings.spreadMilliseconds
        self.originFirstByte = originFirstByte
    }

    mutating func opened(microseconds: Int64, edgeCPUSeconds: Double, memory: ProcessMemory) {
        openings.append(
            Opening(microseconds: microseconds, edgeCPUSeconds: edgeCPUSeconds, edgeMemory: memory))
    }

    /// The first round is the cold one, the second the warm one.
    mutating func add(_ round: CrowdRound, tally: ViralTally) {
        let summary = ViralRound(round, tally: tally)
        if cold == nil { cold = summary } else { warm = summary }
    }

    /// Everything that has to hold; nothing holds while a round is missing.
    var bars: [ViralBar] {
        guard let cold, let warm else { return [ViralBar("rounds", cold == nil ? 0 : 1, exactly: 2)] }
        return [
            ViralBar("origin GETs, cold", cold.tally.originRequests, exactly: 1),
            ViralBar("shield requests, cold", cold.tally.shieldRequests, atMost: edges),
            ViralBar("origin GETs, warm", warm.tally.originRequests, exactly: 0),
            ViralBar("right bodies, cold", cold.right, exactly: clients),
            ViralBar("right bodies, warm", warm.right, exactly: clients),
            ViralBar(
                "first byte p99, cold, ms", Int(cold.firstByte.p99 / 1000),
                atMost: Int((2 * originFirstByte + warm.firstByte.p99) / 1000)),
        ]
    }

    var isGood: Bool { bars.allSatisfy(\.isMet) }
}

/// One figure, and what it has to be.
struct ViralBar: Codable, Equatable {
    let name: String
    let value: Int
    /// As text: `1`, `at most 3`.
    let wanted: String
    let isMet: Bool

    init(_ name: String, _ value: Int, exactly wanted: Int) {
        self.name = name
        self.value = value
        self.wanted = String(wanted)
        isMet = value == wanted
    }

    init(_ name: String, _ value: Int, atMost most: Int) {
        self.name = name
        self.value = value
        wanted = "at most \(most)"
        isMet = value <= most
    }
}
