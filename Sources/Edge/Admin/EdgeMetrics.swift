// SPDX-License-Identifier: Apache-2.0

import Base
import Cache
import Net

/// Sums the workers' counters into Prometheus' text format (version 0.0.4).
struct EdgeMetrics {
    private enum Kind: String {
        case counter, gauge
    }

    private let workers: [(edge: EdgeCounters, server: ServerCounters)]
    private let tier: MemoryTier
    private let purges: PurgeState
    private let disk: DiskCache?
    private let process: ProcessStatus
    private let health: HealthMonitor

    init(
        workers: [(edge: EdgeCounters, server: ServerCounters)], tier: MemoryTier, purges: PurgeState,
        disk: DiskCache?, process: ProcessStatus, health: HealthMonitor
    ) {
        self.health = health
        self.workers = workers
        self.tier = tier
        self.purges = purges
        self.disk = disk
        self.process = process
    }

    func text() -> String {
        var text = ""
        func edge(
            _ name: String, _ help: String, _ counter: KeyPath<EdgeCounters, Counter>, kind: Kind = .counter
        ) {
            let sum = workers.reduce(0) { $0 + $1.edge[keyPath: counter].value }
            text += Self.line(name, kind, help, sum)
        }
        func server(_ name: String, _ kind: Kind, _ help: String, _ counter: KeyPath<ServerCounters, Counter>) {
            let sum = workers.reduce(0) { $0 + $1.server[keyPath: counter].value }
            text += Self.line(name, kind, help, sum)
        }
        server("spillway_requests_total", .counter, "Requests received.", \.requests)
        server("spillway_requests_malformed_total", .counter, "Requests refused unread.", \.requestsMalformed)
        server("spillway_response_bytes_total", .counter, "Body bytes handed to clients.", \.bytesSent)
        server("spillway_responses_aborted_total", .counter, "Responses that were cut off.", \.responsesAborted)
        server("spillway_output_refused_total", .counter, "Slow readers closed for memory.", \.outputRefused)
        server("spillway_connections_accepted_total", .counter, "Connections accepted.", \.connectionsAccepted)
        server("spillway_connections_refused_total", .counter, "Connections over the limit.", \.connectionsRefused)
        server(
            "spillway_connections_refused_by_address_total", .counter, "Connections over the limit of their address.",
            \.connectionsRefusedByAddress)
        server(
            "spillway_connections_retired_total", .counter, "Connections ended in order for their age or use.",
            \.connectionsRetired)
        server("spillway_slow_readers_total", .counter, "Readers closed for their low rate.", \.slowReaders)
        server("spillway_contents_refused_total", .counter, "Streams reset for too much content.", \.contentsRefused)
        server("spillway_connections_open", .gauge, "Connections open now.", \.connectionsOpen)
        server("spillway_accept_pauses_total", .counter, "Times that descriptors ran out.", \.acceptPauses)
        server("spillway_handshakes_failed_total", .counter, "TLS handshakes that failed.", \.handshakesFailed)
        server("spillway_handshakes_full_total", .counter, "TLS handshakes without resumption.", \.handshakesFull)
        server("spillway_handshakes_resumed_total", .counter, "TLS handshakes by a ticket.", \.handshakesResumed)
        server("spillway_timeouts_total", .counter, "Connections closed by a time limit.", \.timeouts)
        text += floods()
        edge("spillway_cache_hits_total", "Requests answered from the cache.", \.hits)
        edge("spillway_cache_stale_hits_total", "Hits on stale objects while revalidating.", \.staleHits)
        edge("spillway_cache_misses_total", "Requests that started or waited for a fill.", \.misses)
        edge("spillway_cache_collapsed_total", "Misses answered by another request's fill.", \.collapsed)
        edge("spillway_upstream_requests_total", "Requests sent upstream.", \.upstreamRequests)
        edge("spillway_upstream_bytes_total", "Body bytes received from upstream.", \.upstreamBytes)
        edge("spillway_fills_open", "Fills under way now.", \.fillsOpen, kind: .gauge)
        edge(
            "spillway_readers_waiting", "Requests that wait now, for a head or for more of a body.", \.readersWaiting,
            kind: .gauge)
        edge("spillway_fills_failed_total", "Fills that ended without a whole object.", \.fillsFailed)
        edge("spillway_fills_cancelled_total", "Fills given up because every reader had left.", \.fillsCancelled)
        edge("spillway_fills_paused_total", "Times that upstream was held back for a slow reader.", \.fillsPaused)
        edge("spillway_fills_refused_total", "Fills refused with 503 for lack of memory.", \.fillsRefused)
        edge(
            "spillway_waits_timed_out_total", "Requests whose first byte was late: 504, or a stale response.",
            \.waitsTimedOut)
        edge("spillway_tokens_rejected_total", "Requests answered 403.", \.tokensRejected)
        edge("spillway_hosts_refused_total", "Requests answered 421: the host is of no site.", \.hostsRefused)
        text += sites()
        edge("spillway_tokens_verified_total", "Token signatures computed.", \.tokensVerified)
        text += Self.line("spillway_reloads_total", .counter, "Reloads put in force.", process.reloads.value)
        text += Self.line(
            "spillway_reloads_failed_total", .counter, "Reloads refused for a mistake.", process.reloadsFailed.value)
        edge("spillway_compressions_total", "Stored bodies compressed with gzip.", \.compressions)
        text += prefetches()
        text += certificates()
        text += upstreams()
        text += purged()
        text += onDisk()
        let usage = tier.usage
        text += Self.line("spillway_cache_memory_bytes", .gauge, "Bytes of the objects in memory.", usage.bytes)
        text += Self.line(
            "spillway_body_memory_bytes", .gauge, "Bytes of all bodies, evicted ones in transfer included.",
            tier.memory.usedBytes)
        text += Self.line("spillway_cache_memory_objects", .gauge, "Objects in memory.", usage.objects)
        return text
    }

    /// One line for each site of the configuration.
    private func sites() -> String {
        guard !process.sites.isEmpty else { return "" }
        let name = "spillway_site_requests_total"
        let header = "# HELP \(name) Requests for a site, by its first host.\n# TYPE \(name) counter\n"
        return process.sites.reduce(into: header) { text, site in
            text += "\(name){site=\(jsonString(site.name))} \(site.value)\n"
        }
    }

    /// One line for each certificate: when it ends.
    private func certificates() -> String {
        guard !process.certificates.isEmpty else { return "" }
        let name = "spillway_certificate_expiry_seconds"
        let header = "# HELP \(name) End of a certificate, seconds since 1970.\n# TYPE \(name) gauge\n"
        return process.certificates.reduce(into: header) { text, certificate in
            text += "\(name){file=\(jsonString(certificate.certificateFile))} \(certificate.expirySeconds)\n"
        }
    }

    /// What is known of each upstream server.
    private func upstreams() -> String {
        func lines(_ name: String, _ kind: Kind, _ help: String, _ value: (ServerHealth) -> Int) -> String {
            let header = "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n"
            return health.servers.reduce(into: header) { text, server in
                text += "\(name){server=\"\(server.endpoint)\"} \(value(server))\n"
            }
        }
        return lines("spillway_upstream_up", .gauge, "1 while a server is taken for up.") { $0.isUp ? 1 : 0 }
            + lines("spillway_upstream_fetches", .gauge, "Requests under way at a server.") {
                $0.inFlight.value
            }
            + lines("spillway_upstream_failures_total", .counter, "Requests that failed by a server's fault.") {
                $0.failures.value
            }
            + lines("spillway_upstream_checks_total", .counter, "Health checks made.") {
                $0.checks.value
            }
            + lines("spillway_upstream_checks_failed_total", .counter, "Health checks that failed.") {
                $0.checksFailed.value
            }
    }

    /// The disk tier, where there is one.
    private func onDisk() -> String {
        guard let statistics = disk?.tier.statistics else { return "" }
        func line(_ name: String, _ kind: Kind, _ help: String, _ value: Int) -> String {
            Self.line("spillway_cache_disk_\(name)", kind, help, value)
        }
        return line("used_bytes", .gauge, "Bytes of the database that hold something.", statistics.usedBytes)
            + line("file_bytes", .gauge, "Bytes that the database takes on the disk.", statistics.fileBytes)
            + line("objects", .gauge, "Objects on disk.", statistics.objects)
            + line("hits_total", .counter, "Look-ups that found an object on disk.", statistics.hits)
            + line("misses_total", .counter, "Look-ups that did not.", statistics.misses)
            + line("reads_total", .counter, "Reads by the reading threads.", statistics.reads)
            + line("read_bytes_total", .counter, "Bytes of bodies read.", statistics.bytesRead)
            + line("reads_refused_total", .counter, "Reads refused because too many waited.", statistics.readRefusals)
            + line("writes_total", .counter, "Objects, or parts of them, written.", statistics.writes)
            + line("written_bytes_total", .counter, "Bytes of bodies written.", statistics.bytesWritten)
            + line("commits_total", .counter, "Durable transactions.", statistics.commits)
            + line("evictions_total", .counter, "Objects that left for others.", statistics.evictions)
            + line(
                "writes_refused_total", .counter, "Writes refused: no room to wait, or the disk failed.",
                statistics.writeRefusals)
            + line("writes_dropped_total", .counter, "Writes given up later.", statistics.writesDropped)
            + line("errors_total", .counter, "Failed calls of the disk or the database.", statistics.errors)
            + line(
                "checksum_failures_total", .counter, "Slices whose bytes were not those stored.",
                statistics.checksumFailures)
            + line("set_aside_total", .counter, "Databases that could not be used at the start.", statistics.setAside)
    }

    /// What was purged since the start, and what of all purges is kept.
    private func purged() -> String {
        let name = "spillway_purges_total"
        var text = "# HELP \(name) Purges taken, by what they go by.\n# TYPE \(name) counter\n"
        for kind in PurgeKind.allCases {
            for (isSoft, mode) in [(false, "hard"), (true, "soft")] {
                let count = purges.count(kind, isSoft: isSoft)
                text += "\(name){kind=\"\(kind.name)\",mode=\"\(mode)\"} \(count)\n"
            }
        }
        let usage = purges.usage
        func line(_ name: String, _ kind: Kind, _ help: String, _ value: Int) {
            text += Self.line(name, kind, help, value)
        }
        line("spillway_purge_generation", .gauge, "Generation of the newest purge.", Int(clamping: usage.generation))
        line(
            "spillway_purge_floor", .gauge, "Generation before which everything is purged.", Int(clamping: usage.floor))
        line("spillway_purge_rules", .gauge, "Purges that are kept apart.", usage.rules)
        line("spillway_purges_folded_total", .counter, "Purges folded into the floor for lack of room.", usage.folded)
        line(
            "spillway_purges_not_persisted_total", .counter, "Times that the purge journal could not be written.",
            purges.persistFailures.value)
        return text
    }

    /// What was fetched ahead of clients, and why some was not.
    private func prefetches() -> String {
        func sum(_ counter: (EdgeCounters) -> Counter) -> Int { workers.reduce(0) { $0 + counter($1.edge).value } }
        let name = "spillway_prefetches_skipped_total"
        let header = "# HELP \(name) Objects not fetched ahead, by why.\n# TYPE \(name) counter\n"
        let skipped = PrefetchSkip.allCases.reduce(into: header) { text, reason in
            text += "\(name){reason=\"\(reason.name)\"} \(sum { $0.prefetchesSkipped(reason) })\n"
        }
        return Self.line("spillway_prefetches_total", .counter, "Fetches ahead of clients.", sum { $0.prefetches })
            + Self.line(
                "spillway_prefetches_used_total", .counter, "Those of them that a client took.",
                sum { $0.prefetchesUsed })
            + Self.line(
                "spillway_prefetches_wasted_total", .counter, "Those that failed or left before a client came.",
                tier.prefetchesWasted.value) + skipped
    }

    /// One line for each kind of flood.
    private func floods() -> String {
        let name = "spillway_http2_floods_total"
        let header = "# HELP \(name) HTTP/2 connections closed with ENHANCE_YOUR_CALM.\n# TYPE \(name) counter\n"
        return FloodKind.allCases.reduce(into: header) { text, kind in
            let sum = workers.reduce(0) { $0 + $1.server.floods(kind).value }
            text += "\(name){kind=\"\(kind.name)\"} \(sum)\n"
        }
    }

    private static func line(_ name: String, _ kind: Kind, _ help: String, _ value: Int) -> String {
        "# HELP \(name) \(help)\n# TYPE \(name) \(kind.rawValue)\n\(name) \(value)\n"
    }
}
