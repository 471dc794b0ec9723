// SPDX-License-Identifier: Apache-2.0

public import Base

/// Everything that `origin.conf` says. The origin and the transcode worker read the same file, so it is parsed here.
///
/// Each property's default stands in `init()` of its section and is written, with unit and range, in `origin.conf`
/// at the root of the project; a test compares the two.
public struct OriginConfiguration: Sendable, Equatable {
    /// The HTTP API and the web app.
    public struct API: Sendable, Equatable {
        public var listen = Endpoint(address: "127.0.0.1", port: 8080)
        /// How clients reach the API, without a slash at the end.
        public var publicURL = "http://127.0.0.1:8080"
        /// One `name:secret` a line; a secret opens the writes.
        public var keysFile = "var/keys/api.keys"
        /// The folder of the web app.
        public var webFolder = "web"
    }

    /// The embedded S3 endpoint that takes uploads.
    public struct S3: Sendable, Equatable {
        public var listen = Endpoint(address: "127.0.0.1", port: 9000)
        /// How uploaders reach the endpoint; presigned URLs begin with it.
        public var publicURL = "http://127.0.0.1:9000"
        /// One `ACCESSKEY:SECRET` a line; the first one presigns.
        public var credentialsFile = "var/keys/s3.credentials"
        public var uploadBytesMax = 50 << 30
        /// How long a presigned upload URL is valid.
        public var presignSeconds = 900
    }

    /// The plain HTTP service from which shields fetch.
    public struct Delivery: Sendable, Equatable {
        public var listen = Endpoint(address: "127.0.0.1", port: 8081)
        /// JSON lines, one per request; nil for none.
        public var accessLog: String?
    }

    /// What a viewer is given.
    public struct Playback: Sendable, Equatable {
        /// Base URLs of the edges; a video's edge is chosen by the hash of its identifier.
        public var edges = ["https://127.0.0.1:8443", "https://127.0.0.1:8444"]
        /// One hexadecimal secret a line, newest first; the edges read the same file.
        public var tokenKeysFile = "var/keys/token.keys"
        /// How long a playback token is valid.
        public var tokenSeconds = 14400
        /// True: anyone may read the catalog and ask for playback. False: that needs an API key too.
        public var isPublic = true
    }

    /// The caches that forget what has changed.
    public struct Purge: Sendable, Equatable {
        /// Administration interfaces of the shields. They come first: an edge that forgot before its shield would fetch
        /// again what the shield still holds.
        public var shields: [Endpoint] = []
        /// Those of the edges.
        public var edges: [Endpoint] = []
        /// The nodes' `admin.tokenFile`; its first line is sent.
        public var tokenFile = "var/keys/admin.token"
        /// How long a node may take to confirm.
        public var timeoutMilliseconds = 5000
        /// The longest wait before a node that did not confirm is asked again.
        public var retrySecondsMax = 30

        /// Nobody is to be told.
        public var isOff: Bool { shields.isEmpty && edges.isEmpty }
    }

    /// The queue and the workers.
    public struct Transcode: Sendable, Equatable {
        /// A part whose worker is silent for so long is given to another worker.
        public var leaseSeconds = 30
        public var heartbeatSeconds = 5
        /// After so many tries of one of its parts a job is set aside and its video is FAILED.
        public var triesMax = 3
        /// How often an idle worker looks whether the queue has changed.
        public var pollMilliseconds = 50
        /// x264's preset: speed against size.
        public var preset = "veryfast"
        /// Address space of the child process that decodes and encodes.
        public var childMemoryMax = 4 << 30
        /// CPU and wall time after which the child is ended.
        public var childSecondsMax = 14400
        /// `required`: no child without a filter of system calls. `whereAvailable`: as far as the kernel goes.
        public var confinement = "required"
    }

    public var logLevel = Log.Level.info
    /// The folder of the catalog, the objects and the workers' files.
    public var state = "var"
    public var api = API()
    public var s3 = S3()
    public var delivery = Delivery()
    public var playback = Playback()
    public var transcode = Transcode()
    public var purge = Purge()

    /// The defaults.
    public init() {}

    /// Where the catalog and the job queue are.
    public var catalogPath: String { state + "/catalog.sqlite" }
    /// The root of the `FileObjectStore`.
    public var objectsPath: String { state + "/objects" }
    /// Where workers keep what is in work.
    public var workPath: String { state + "/work" }
}

extension OriginConfiguration {
    /// Reads the file at `path`. Throws a `ConfigurationError` that lists every mistake with its place.
    public init(path: String) throws {
        try self.init(reading: Configuration(path: path))
    }

    /// Reads `text`; `file` names it in messages. Throws a `ConfigurationError`.
    public init(text: String, file: String) throws {
        try self.init(reading: Configuration(text: text, file: file))
    }

    private init(reading configuration: Configuration) throws {
        self.init()
        let root: ConfigurationSection = configuration.root
        let log = root.section("log")
        let levelName = log.choice("level", default: logLevel.name, of: Log.Level.allCases.map(\.name))
        logLevel = Log.Level(name: levelName) ?? logLevel
        state = root.string("state", default: state)
        if state.isEmpty { root.report("state", "must name a folder") }
        readAPI(root.section("api"))
        readS3(root.section("s3"))
        readDelivery(root.section("delivery"))
        readPlayback(root.section("playback"))
        readTranscode(root.section("transcode"))
        readPurge(root.section("purge"))
        try configuration.finish()
    }

    private mutating func readAPI(_ section: ConfigurationSection) {
        api.listen = section.endpoint("listen") ?? api.listen
        api.publicURL = Self.baseURL(section, "publicURL", default: api.publicURL)
        api.keysFile = section.string("keysFile", default: api.keysFile)
        api.webFolder = section.string("webFolder", default: api.webFolder)
    }

    private mutating func readS3(_ section: ConfigurationSection) {
        s3.listen = section.endpoint("listen") ?? s3.listen
        s3.publicURL = Self.baseURL(section, "publicURL", default: s3.publicURL)
        s3.credentialsFile = section.string("credentialsFile", default: s3.credentialsFile)
        s3.uploadBytesMax = section.bytes("uploadBytesMax", default: s3.uploadBytesMax, in: (1 << 20)...(5 << 40))
        s3.presignSeconds = section.integer("presignSeconds", default: s3.presignSeconds, in: 1...604_800)
    }

    private mutating func readDelivery(_ section: ConfigurationSection) {
        delivery.listen = section.endpoint("listen") ?? delivery.listen
        delivery.accessLog = section.optionalString("accessLog")
    }

    private mutating func readPlayback(_ section: ConfigurationSection) {
        if section.has("edges") {
            let edges = section.strings("edges")
            if edges.isEmpty || edges.count > 64 { section.report("edges", "must list 1 to 64 base URLs") }
            for edge in edges where !Self.isBaseURL(edge) { section.report("edges", Self.notABaseURL(edge)) }
            playback.edges = edges
        }
        playback.tokenKeysFile = section.string("tokenKeysFile", default: playback.tokenKeysFile)
        playback.tokenSeconds = section.integer("tokenSeconds", default: playback.tokenSeconds, in: 60...604_800)
        playback.isPublic = section.boolean("public", default: playback.isPublic)
    }

    private mutating func readTranscode(_ section: ConfigurationSection) {
        transcode.leaseSeconds = section.integer("leaseSeconds", default: transcode.leaseSeconds, in: 2...3600)
        transcode.heartbeatSeconds = section.integer(
            "heartbeatSeconds", default: transcode.heartbeatSeconds, in: 1...1800)
        if transcode.heartbeatSeconds * 2 > transcode.leaseSeconds {
            // One lost heartbeat must not end a lease.
            section.report("heartbeatSeconds", "must be at most half of leaseSeconds (\(transcode.leaseSeconds))")
        }
        transcode.triesMax = section.integer("triesMax", default: transcode.triesMax, in: 1...20)
        transcode.pollMilliseconds = section.integer(
            "pollMilliseconds", default: transcode.pollMilliseconds, in: 10...60000)
        transcode.preset = section.choice("preset", default: transcode.preset, of: Self.presets)
        transcode.childMemoryMax = section.bytes(
            "childMemoryMax", default: transcode.childMemoryMax, in: (256 << 20)...(1 << 40))
        transcode.childSecondsMax = section.integer(
            "childSecondsMax", default: transcode.childSecondsMax, in: 10...604_800)
        transcode.confinement = section.choice(
            "confinement", default: transcode.confinement, of: ["required", "whereAvailable"])
    }

    private mutating func readPurge(_ section: ConfigurationSection) {
        purge.shields = Self.nodes(section, "shields")
        purge.edges = Self.nodes(section, "edges")
        for node in purge.edges where purge.shields.contains(node) {
            section.report("edges", "holds `\(node)`, as `shields` does; each node may be there once")
        }
        purge.tokenFile = section.string("tokenFile", default: purge.tokenFile)
        purge.timeoutMilliseconds = section.integer(
            "timeoutMilliseconds", default: purge.timeoutMilliseconds, in: 100...60_000)
        purge.retrySecondsMax = section.integer("retrySecondsMax", default: purge.retrySecondsMax, in: 1...3600)
    }

    private static func nodes(_ section: ConfigurationSection, _ key: String) -> [Endpoint] {
        var nodes: [Endpoint] = []
        let texts = section.strings(key)
        if texts.count > 256 { section.report(key, "lists \(texts.count) nodes; 256 at most are allowed") }
        for text in texts {
            guard let node = Endpoint(text), !nodes.contains(node) else {
                section.report(
                    key, "holds `\(text)`; numeric addresses with a port, each once, are allowed: 127.0.0.1:9901")
                continue
            }
            nodes.append(node)
        }
        return nodes
    }

    /// x264's presets from the fastest to the slowest.
    public static let presets = [
        "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
    ]

    private static func baseURL(_ section: ConfigurationSection, _ key: String, default fallback: String) -> String {
        guard let text = section.optionalString(key) else { return fallback }
        guard isBaseURL(text) else {
            section.report(key, notABaseURL(text))
            return fallback
        }
        return text
    }

    private static func notABaseURL(_ text: String) -> String {
        "is `\(text)`; http://HOST[:PORT] or https://HOST[:PORT] without a path is allowed"
    }

    /// `http(s)://host[:port]` with nothing behind it.
    private static func isBaseURL(_ text: String) -> Bool {
        let schemes = ["http://", "https://"]
        guard let scheme = schemes.first(where: { text.hasPrefix($0) }) else { return false }
        let host = text.dropFirst(scheme.count)
        return !host.isEmpty
            && host.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"):
                    true
                default: ".-:[]".utf8.contains(byte)
                }
            }
    }
}
