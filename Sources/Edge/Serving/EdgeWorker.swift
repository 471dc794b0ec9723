// SPDX-License-Identifier: Apache-2.0
//
// One worker: a thread with its own loop, listeners, near cache, upstream connections and fills. Everything
// here is touched by that thread alone; the memory tier and the objects are what workers share. Others reach
// a worker by posting to its loop's mailbox.
//
// The life of a request: `handle` (here) finds the token and the object; a fresh object is answered at once
// (+Respond); everything else joins or starts a fill and waits (+Miss).

import Base
import CLinux
import Cache
import Net
import Synchronization
import Token

/// One worker of the edge.
///
/// `@unchecked Sendable` because other threads only pass the reference along to `loop.mailbox.post`, whose
/// closures run on the worker's own thread.
final class EdgeWorker: RequestHandler, @unchecked Sendable {
    let index: Int
    let loop: EventLoop
    private(set) var settings: EdgeSettings
    let tier: MemoryTier
    /// Nil where nothing is kept on disk.
    let disk: DiskCache?
    /// What was purged, for objects of all workers.
    let purges: PurgeState
    /// What follows segments, for objects of all workers.
    let playlists: PlaylistIndex
    private(set) var headBuilder: ResponseHeadBuilder
    private(set) var upstreamFields: UpstreamFields
    let router: UpstreamRouter
    let counters = EdgeCounters()
    private(set) var texts: ResponseTexts
    private(set) var crossOrigin: CrossOrigin
    private(set) var accessLog: AccessLog?
    private let gate: TokenGate
    private let hasher: KeyHasher

    var nearCache = NearCache()
    /// Readers that wait, by the object or the body that they wait for.
    var waiters: [ObjectIdentifier: WaiterList] = [:]
    var waitingCount = 0 {
        didSet { counters.readersWaiting.set(waitingCount) }
    }
    /// Objects that the disk had no room for, to be offered again.
    static let unwrittenMax = 1024
    var unwritten: [CachedObject] = []
    /// Fills by their objects, and fetches of single pieces.
    var fills: [ObjectIdentifier: Fill] = [:] {
        didSet { counters.fillsOpen.set(fills.count + pieceFills.count) }
    }
    var pieceFills: [ObjectIdentifier: PieceFill] = [:] {
        didSet { counters.fillsOpen.set(fills.count + pieceFills.count) }
    }
    /// What HEADs wait for, by their keys: it is in no table that a GET looks at.
    var heads: [CacheKey: CachedObject] = [:]
    /// Those of the fills that were begun ahead of clients.
    var prefetchCount = 0
    /// All workers, this one included; set once before the threads start.
    var peers: [EdgeWorker] = []
    private var evictionsSwept = 0
    /// Another worker has asked for a sweep that has not come yet.
    let isSweepDue = Atomic<Bool>(false)
    private var keyScratch: [UInt8] = []

    init(
        index: Int, loop: EventLoop, settings: EdgeSettings, tier: MemoryTier, disk: DiskCache?,
        playlists: PlaylistIndex, hasher: KeyHasher, health: HealthMonitor, logFile: LogFile?
    ) {
        self.index = index
        self.loop = loop
        self.settings = settings
        self.tier = tier
        self.disk = disk
        purges = tier.purges
        self.playlists = playlists
        self.hasher = hasher
        accessLog = logFile.map { AccessLog($0) }
        gate = TokenGate(keys: settings.tokenKeys, counters: counters)
        headBuilder = ResponseHeadBuilder(settings)
        upstreamFields = UpstreamFields(settings)
        router = UpstreamRouter(settings.upstream, loop: loop, monitor: health)
        texts = ResponseTexts(name: settings.name)
        crossOrigin = CrossOrigin(settings.crossOrigin)
    }

    /// Takes other settings, and the log file that is open now; call on the worker's thread. What is in work goes on.
    func apply(_ settings: EdgeSettings, logFile: LogFile?) {
        gate.apply(settings.tokenKeys)
        headBuilder = ResponseHeadBuilder(settings)
        upstreamFields = UpstreamFields(settings)
        router.apply(settings.upstream)
        if settings.name != self.settings.name { texts = ResponseTexts(name: settings.name) }
        if settings.crossOrigin != crossOrigin.rules { crossOrigin = CrossOrigin(settings.crossOrigin) }
        self.settings = settings
        guard let logFile else {
            accessLog = nil
            return
        }
        if let accessLog { accessLog.move(to: logFile) } else { accessLog = AccessLog(logFile) }
    }

    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        let carrier = TokenCarrier(target: request.target, cookie: request.cookie)
        if accessLog != nil { note(carrier.path, for: exchange) }
        if request.hasOrigin { exchange.originTag = crossOrigin.tag(for: request.origin) }
        switch exchange.method {
        case .get, .head: break
        case .options: return respondOptions(exchange, request)
        case .connect, .trace: return respondMethodNotAllowed(exchange)
        case .other where !settings.passesMethods:
            return respondError(exchange, status: 501, .rejected, texts.methodUnknown)
        default: guard settings.passesMethods else { return respondMethodNotAllowed(exchange) }
        }
        guard PlainPath.isPlain(carrier.path) else {
            return respondError(exchange, status: 400, .rejected, texts.badPath)
        }
        if gate.isRequired {
            let rejection = gate.rejection(carrier, nowSeconds: loop.wallSeconds, exchange: exchange)
            if let rejection { return respondForbidden(exchange, rejection) }
        }
        guard exchange.method == .get || exchange.method == .head else {
            return takeContent(exchange, request, carrier)
        }
        guard carrier.query.isEmpty, !settings.servesHosts else {
            return handleWithLongKey(exchange, request, carrier)
        }
        serve(exchange, request, key: carrier.path)
        if !request.cmcdRequest.isEmpty { takeHint(request, path: carrier.path) }
    }

    private func takeHint(_ request: borrowing RequestHead, path: UnsafeRawBufferPointer) {
        take(hint: CMCDHint.nextObject(in: request.cmcdRequest), path: path, authority: request.authority)
    }

    /// Keeps the path for the log. What looks like a token that could not be split off is not written down.
    private func note(_ path: UnsafeRawBufferPointer, for exchange: Exchange) {
        if path.hasPrefix("/hdnts=") {
            exchange.loggedPath.append(contentsOf: "/hdnts=-".utf8)
        } else {
            exchange.loggedPath.append(contentsOf: path)
        }
    }

    /// Answers from the near cache, or goes the long way.
    @inline(__always)
    private func serve(_ exchange: Exchange, _ request: borrowing RequestHead, key: UnsafeRawBufferPointer) {
        let hash = hasher.hash(key)
        // A request may say that what is fresh is not fresh enough; the long way finds out.
        if !settings.cacheRules.honoursRequestDirectives,
            let object = nearCache.find(
                key, hash: hash, nowMilliseconds: loop.now, generation: purges.current),
            object.isWhole
        {
            object.mark.hit(tick: EvictionMark.tick(milliseconds: loop.now))
            if !object.isWanted.load(ordering: .relaxed) { noteSecondUse(object) }
            respond(exchange, object, Conditions(request), .hit)
            lookAhead(from: object, authority: request.authority)
        } else {
            miss(exchange, CacheKey(bytes: Array(key), hashValue64: hash), StoredRequest(request))
        }
    }

    /// The key of a path of the site that was asked.
    func siteKey(_ path: [UInt8], _ authority: [UInt8]) -> CacheKey {
        let bytes = settings.servesHosts ? authority.map(asciiLowercase) + path : path
        return CacheKey(bytes: bytes, hashValue64: bytes.withUnsafeBytes { hasher.hash($0) })
    }

    /// The key of another target of the same site.
    func sibling(of key: CacheKey, _ target: [UInt8]) -> CacheKey { key.sibling(target, hasher) }

    private func handleWithLongKey(_ exchange: Exchange, _ request: borrowing RequestHead, _ carrier: TokenCarrier) {
        // The query goes upstream as part of a request line.
        guard carrier.query.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return respondError(exchange, status: 400, .rejected, texts.badPath)
        }
        let clientData = writeKey(of: carrier, request)
        let key = keyScratch
        let request = copy request
        key.withUnsafeBytes { serve(exchange, request, key: $0) }
        if !clientData.isEmpty {
            let hint = CMCDHint.nextObject(inParameter: clientData)
            take(hint: hint, path: carrier.path, authority: request.authority)
        } else if !request.cmcdRequest.isEmpty {
            takeHint(request, path: carrier.path)
        }
    }

    /// The query is part of the key, without the token's parameter and without what a player says of itself (CTA-5004),
    /// which would make another object of each request. So is the host, where it says what is meant. Returns what the
    /// player says.
    @discardableResult
    private func writeKey(of carrier: TokenCarrier, _ request: borrowing RequestHead) -> UnsafeRawBufferPointer {
        keyScratch.removeAll(keepingCapacity: true)
        if settings.servesHosts { keyScratch.append(contentsOf: request.authority.lazy.map(asciiLowercase)) }
        keyScratch.append(contentsOf: carrier.path)
        let query = carrier.query
        var clientData = UnsafeRawBufferPointer(start: nil, count: 0)
        var separator = UInt8(ascii: "?")
        var start = 0
        while start < query.count {
            let end = query.position(of: UInt8(ascii: "&"), from: start) ?? query.count
            let parameter = query.slice(start..<end)
            start = end + 1
            if parameter.hasPrefix(CMCDHint.parameter) {
                clientData = parameter.slice(CMCDHint.parameter.utf8CodeUnitCount..<parameter.count)
            } else if !parameter.isEmpty, !parameter.hasPrefix("hdnts=") {
                keyScratch.append(separator)
                keyScratch.append(contentsOf: parameter)
                separator = UInt8(ascii: "&")
            }
        }
        return clientData
    }

    /// A request that goes upstream with its content: that comes first.
    private func takeContent(_ exchange: Exchange, _ request: borrowing RequestHead, _ carrier: TokenCarrier) {
        guard carrier.query.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return respondError(exchange, status: 400, .rejected, texts.badPath)
        }
        writeKey(of: carrier, request)
        let key = CacheKey(bytes: keyScratch, hashValue64: keyScratch.withUnsafeBytes { hasher.hash($0) })
        let pending = PendingPass(key: key, request: StoredRequest(request))
        switch exchange.collectContent(limitBytes: settings.contentBytesMax) {
        case .none: pass(exchange, pending.key, pending.request, content: [])
        case .collecting: exchange.parked = pending
        case .refused(let failure): respondContentFailure(exchange, failure)
        }
    }

    /// About ten times a second: sweep out evicted objects, time out waiters, write the log.
    func turn() {
        sweep()
        offerUnwritten()
        expireWaiters()
        accessLog?.flush()
        router.turn()
    }

    /// Lets go of evicted objects, if any have left since the last time.
    func sweep() {
        isSweepDue.store(false, ordering: .relaxed)
        let evictions = tier.evictions.load(ordering: .relaxed)
        guard evictions != evictionsSwept else { return }
        evictionsSwept = evictions
        nearCache.sweep()
    }

    override func stalled(_ exchange: Exchange) {
        bodyStalled(exchange)
    }

    /// The content of a request has come: it goes upstream.
    override func contentComplete(_ exchange: Exchange, _ content: [UInt8]) {
        guard let pending = exchange.parked as? PendingPass else { return }
        exchange.parked = nil
        pass(exchange, pending.key, pending.request, content: content)
    }

    override func contentFailed(_ exchange: Exchange, _ failure: ContentFailure) {
        exchange.parked = nil
        respondContentFailure(exchange, failure)
    }

    override func finished(_ exchange: Exchange, completed: Bool) {
        if let reader = exchange.parked as? Reader { leave(reader) }
        accessLog?.append(exchange, completed: completed, nowMilliseconds: loop.now)
    }
}
