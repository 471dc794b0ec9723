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
    /// The top level of the configuration, which serves what no site does.
    let top: Site
    /// Nil: all hosts are the top level's.
    private var sites: SiteTable?
    private var tablesMade = 0
    private var routers: UpstreamRouters
    let counters = EdgeCounters()
    private(set) var texts: ResponseTexts
    private(set) var accessLog: AccessLog?
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
    /// Reads that the disk had no room for, to be offered again. Each has claimed slices, so that there are no more than bodies
    /// in use have.
    var unread: [DiskPiece] = []
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
        routers = UpstreamRouters(settings.upstreams, loop: loop, monitor: health)
        top = Site(name: "", settings, router: routers[0], counters: counters, requests: Counter())
        texts = ResponseTexts(name: settings.name)
        super.init()
        sites = makeSites(settings)
    }

    /// Takes other settings, and the log file that is open now; call on the worker's thread. What is in work goes on.
    func apply(_ settings: EdgeSettings, logFile: LogFile?) {
        routers.apply(settings.upstreams)
        top.apply(settings, router: routers[0])
        sites = makeSites(settings)
        if settings.name != self.settings.name { texts = ResponseTexts(name: settings.name) }
        self.settings = settings
        guard let logFile else {
            accessLog = nil
            return
        }
        if let accessLog { accessLog.move(to: logFile) } else { accessLog = AccessLog(logFile) }
    }

    private func makeSites(_ settings: EdgeSettings) -> SiteTable? {
        guard !settings.sites.isEmpty else { return nil }
        tablesMade += 1
        return SiteTable(settings, top: top, after: sites, generation: tablesMade, routers: routers) { wanted in
            Site(
                name: wanted.name, wanted.settings, router: routers[wanted.settings.upstreamIndex],
                counters: counters, requests: wanted.requests.workers[index])
        }
    }

    override func handle(_ exchange: Exchange, _ request: borrowing RequestHead) {
        guard let sites else { return handle(exchange, request, for: top) }
        guard let site = sites.site(of: request.authority, exchange) else {
            return respondMisdirected(exchange, request)
        }
        if site !== top {
            site.requests.add()
            exchange.owner = site
        }
        handle(exchange, request, for: site)
    }

    private func handle(_ exchange: Exchange, _ request: borrowing RequestHead, for site: Site) {
        let carrier = TokenCarrier(target: request.target, cookie: request.cookie)
        if accessLog != nil { note(carrier.path, for: exchange) }
        if request.hasOrigin { exchange.originTag = site.crossOrigin.tag(for: request.origin) }
        switch exchange.method {
        case .get, .head: break
        case .options: return respondOptions(exchange, request, site.crossOrigin)
        case .connect, .trace: return respondMethodNotAllowed(exchange)
        case .other where !site.settings.passesMethods:
            return respondError(exchange, status: 501, .rejected, texts.methodUnknown)
        default: guard site.settings.passesMethods else { return respondMethodNotAllowed(exchange) }
        }
        guard PlainPath.isPlain(carrier.path) else {
            return respondError(exchange, status: 400, .rejected, texts.badPath)
        }
        if site.gate.isRequired {
            let rejection = site.gate.rejection(carrier, nowSeconds: loop.wallSeconds, exchange: exchange)
            if let rejection { return respondForbidden(exchange, rejection) }
        }
        guard exchange.method == .get || exchange.method == .head else {
            return takeContent(exchange, request, carrier, site)
        }
        guard carrier.query.isEmpty, site.hasPlainKeys else {
            return handleWithLongKey(exchange, request, carrier, site)
        }
        serve(exchange, request, key: carrier.path, site)
        if !request.cmcdRequest.isEmpty { takeHint(request, path: carrier.path, site) }
    }

    private func takeHint(_ request: borrowing RequestHead, path: UnsafeRawBufferPointer, _ site: Site) {
        take(hint: CMCDHint.nextObject(in: request.cmcdRequest), path: path, site, authority: request.authority)
    }

    /// Keeps the path for the log. What looks like a token that could not be split off is not written down.
    func note(_ path: UnsafeRawBufferPointer, for exchange: Exchange) {
        if path.hasPrefix("/hdnts=") {
            exchange.loggedPath.append(contentsOf: "/hdnts=-".utf8)
        } else {
            exchange.loggedPath.append(contentsOf: path)
        }
    }

    /// Answers from the near cache, or goes the long way.
    @inline(__always)
    private func serve(
        _ exchange: Exchange, _ request: borrowing RequestHead, key: UnsafeRawBufferPointer, _ site: Site
    ) {
        let hash = hasher.hash(key)
        // A request may say that what is fresh is not fresh enough; the long way finds out.
        if !site.settings.cacheRules.honoursRequestDirectives,
            let object = nearCache.find(
                key, hash: hash, nowMilliseconds: loop.now, generation: purges.current),
            object.isWhole
        {
            object.mark.hit(tick: EvictionMark.tick(milliseconds: loop.now))
            if !object.isWanted.load(ordering: .relaxed) { noteSecondUse(object) }
            respond(exchange, object, Conditions(request), .hit)
            lookAhead(from: object, site, authority: request.authority)
        } else {
            miss(exchange, CacheKey(bytes: Array(key), hashValue64: hash), StoredRequest(request, site: site))
        }
    }

    /// The key of a path of the site that was asked.
    func siteKey(_ path: [UInt8], _ site: Site, _ authority: [UInt8]) -> CacheKey {
        var bytes: [UInt8] = []
        authority.withUnsafeBytes { site.writeScope($0, to: &bytes) }
        bytes += path
        return CacheKey(bytes: bytes, hashValue64: bytes.withUnsafeBytes { hasher.hash($0) })
    }

    /// The key of another target of the same site.
    func sibling(of key: CacheKey, _ target: [UInt8]) -> CacheKey { key.sibling(target, hasher) }

    private func handleWithLongKey(
        _ exchange: Exchange, _ request: borrowing RequestHead, _ carrier: TokenCarrier, _ site: Site
    ) {
        // The query goes upstream as part of a request line.
        guard carrier.query.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return respondError(exchange, status: 400, .rejected, texts.badPath)
        }
        let clientData = writeKey(of: carrier, request, site)
        let key = keyScratch
        let request = copy request
        key.withUnsafeBytes { serve(exchange, request, key: $0, site) }
        if !clientData.isEmpty {
            let hint = CMCDHint.nextObject(inParameter: clientData)
            take(hint: hint, path: carrier.path, site, authority: request.authority)
        } else if !request.cmcdRequest.isEmpty {
            takeHint(request, path: carrier.path, site)
        }
    }

    /// The query is part of the key, without the token's parameter and without what a player says of itself (CTA-5004),
    /// which would make another object of each request. So is the site. Returns what the player says.
    @discardableResult
    private func writeKey(
        of carrier: TokenCarrier, _ request: borrowing RequestHead, _ site: Site
    ) -> UnsafeRawBufferPointer {
        keyScratch.removeAll(keepingCapacity: true)
        site.writeScope(request.authority, to: &keyScratch)
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
    private func takeContent(
        _ exchange: Exchange, _ request: borrowing RequestHead, _ carrier: TokenCarrier, _ site: Site
    ) {
        guard carrier.query.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            return respondError(exchange, status: 400, .rejected, texts.badPath)
        }
        writeKey(of: carrier, request, site)
        let key = CacheKey(bytes: keyScratch, hashValue64: keyScratch.withUnsafeBytes { hasher.hash($0) })
        let pending = PendingPass(key: key, request: StoredRequest(request, site: site))
        switch exchange.collectContent(limitBytes: site.settings.contentBytesMax) {
        case .none: pass(exchange, pending.key, pending.request, content: [])
        case .collecting: exchange.parked = pending
        case .refused(let failure): respondContentFailure(exchange, failure)
        }
    }

    /// About ten times a second: sweep out evicted objects, time out waiters, write the log.
    func turn() {
        sweep()
        offerUnwritten()
        offerUnread()
        expireWaiters()
        accessLog?.flush()
        routers.turn()
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
