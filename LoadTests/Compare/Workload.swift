// SPDX-License-Identifier: Apache-2.0

/// A file that every server of the comparison serves.
struct BenchObject: Codable, Hashable, Sendable {
    let file: String
    let title: String
    let bytes: Int

    static let small = BenchObject(file: "2k.bin", title: "2 KB", bytes: 2048)
    static let segment = BenchObject(file: "250k.bin", title: "250 KB", bytes: 250_000)
    static let large = BenchObject(file: "1500k.bin", title: "1.5 MB", bytes: 1_500_000)
    static let all = [small, segment, large]

    /// Its path below a server's root, without a token.
    var path: String { "/v/bench/" + file }

    /// The same bytes in each run, which no server can compress: SplitMix64 (Steele, Lea, Flood 2014), seeded by size.
    func makeBody() -> [UInt8] {
        var state = UInt64(bytes)
        return (0..<bytes).map { _ in
            state &+= 0x9E37_79B9_7F4A_7C15
            var mixed = state
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return UInt8(truncatingIfNeeded: mixed ^ (mixed >> 31))
        }
    }
}

/// One row of the comparison: an object, the protocol that it is asked by, and how many requests are under way on a
/// connection.
struct Workload: Codable, Hashable, Sendable {
    enum HTTPVersion: String, Codable, Sendable {
        case http1 = "HTTP/1.1"
        case http2 = "HTTP/2"

        /// What h2load prints as the negotiated protocol.
        var alpn: String { self == .http1 ? "http/1.1" : "h2" }
    }

    let object: BenchObject
    let version: HTTPVersion
    /// Concurrent streams of a connection (h2load -m). HTTP/1.1 has one request at a time.
    let streams: Int

    static let all = [
        Workload(object: .small, version: .http2, streams: 16),
        Workload(object: .segment, version: .http2, streams: 8),
        Workload(object: .large, version: .http2, streams: 4),
        Workload(object: .small, version: .http1, streams: 1),
        Workload(object: .segment, version: .http1, streams: 1),
    ]

    var title: String { "\(object.title), \(version.rawValue)" }

    /// Requests of the run that warms a server up and tells what a request costs it.
    var warmUpRequests: Int { max(160, min(20_000, 160_000_000 / object.bytes)) }
}
