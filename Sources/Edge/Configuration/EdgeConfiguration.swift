// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Glibc
import Net

/// Everything that edge.conf says, checked. The file at the root of the project documents each key.
struct EdgeConfiguration: Sendable {
    struct Listen: Equatable {
        var endpoint: Endpoint
        var usesTLS: Bool
        var place: ConfigurationPlace
    }

    enum Role: String {
        case edge, shield
    }

    static let workersMax = 64

    var role = Role.edge
    var name = "edge"
    var workers = 1
    var logLevel = Log.Level.info
    var listen: [Listen] = []
    var admin: Endpoint?
    var adminPlace: ConfigurationPlace?
    var adminTokenFile: String?
    var adminTokenPlace: ConfigurationPlace?
    /// Where purges are kept over a restart; empty for nowhere.
    var purgeFolder = ""
    var purgeFolderPlace: ConfigurationPlace?
    /// Purges that are kept apart.
    var purgesMax = 100_000
    var tls = TLS()
    var tokenRequired = true
    var tokenKeysFile = ""
    var tokenKeysPlace: ConfigurationPlace?
    var upstream = UpstreamSettings()
    var memoryBytes = 512 << 20
    /// Nil: nothing is kept on disk.
    var disk: Disk?
    var evictionPolicy = EvictionPolicy.standard
    var objectBytesMax = 256 << 20
    var finishBytesMax = 8 << 20
    var waitMilliseconds: Int64 = 20_000
    var waitersMax = 20_000
    var cacheRules = CacheRulesSettings()
    var fetchesPieces = true
    var readAheadBytes = 4 << 20
    var standInMilliseconds: Int64 = 1000
    var passesFields = false
    var passesMethods = false
    /// Content of a request that goes upstream.
    var passedContentBytesMax = 1 << 20
    var prefetch = PrefetchSettings()
    var crossOrigin = CrossOriginRules()
    var compression = CompressionRules()
    var rangesMax = 16
    var accessLogFile: String?
    var accessLogPlace: ConfigurationPlace?
    var serverLimits = ServerLimits()
    /// Connections of one client address over all workers; 0 for no limit.
    var connectionsPerAddress = 0
    var drainMilliseconds: Int64 = 10_000
    /// What is served by other rules than the top level's.
    var sites: [Site] = []
    /// A host that is none of the sites' gets 421.
    var refusesUnknownHosts = false

    /// Reads and checks a configuration file. Throws `ConfigurationError` with every mistake.
    init(file: String) throws {
        try self.init(Configuration(path: file))
    }

    init(_ configuration: Configuration) throws {
        let root: ConfigurationSection = configuration.root
        role = Role(rawValue: root.choice("role", default: "edge", of: ["edge", "shield"])) ?? .edge
        readName(root)
        readWorkers(root)
        logLevel =
            Log.Level(
                name: root.section("log").choice(
                    "level", default: "info", of: Log.Level.allCases.map(\.name))) ?? .info
        readListeners(root)
        tokenRequired = role == .edge
        readToken(root.section("token"))
        let requests = root.section("requests")
        readRequests(requests)
        readUpstream(root.section("upstream"))
        readCache(root.section("cache"))
        readPurge(root.section("purge"))
        readPrefetch(root.section("prefetch"))
        readLimits(root.section("limits"))
        crossOrigin.allowOrigins = role == .edge ? ["*"] : []
        readCrossOrigin(root.section("cors"))
        readCompression(root.section("compression"))
        let accessLog = root.section("accessLog")
        accessLogFile = accessLog.optionalString("file")
        accessLogPlace = accessLog.place(of: "file")
        readSites(root, requests: requests)
        try configuration.finish()
    }

    private mutating func readName(_ root: ConfigurationSection) {
        name = root.string("name", default: role.rawValue)
        let isToken = name.utf8.allSatisfy { byte in
            byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
                || (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
        }
        guard isToken, let first = name.first, first.isLetter, name.utf8.count <= 64 else {
            root.report(
                "name", "is `\(name)`; a letter and then letters, digits, `-`, `_`, `.` are allowed, 64 at most")
            return
        }
    }

    private mutating func readWorkers(_ root: ConfigurationSection) {
        let processors = max(1, min(Self.workersMax, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        if root.string("workers", default: "auto") == "auto" {
            workers = processors
        } else {
            workers = root.integer("workers", default: processors, in: 1...Self.workersMax)
        }
    }
}
