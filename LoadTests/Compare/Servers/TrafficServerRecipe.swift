// SPDX-License-Identifier: Apache-2.0

import Foundation

/// Apache Traffic Server as a caching reverse proxy with one network thread; all objects fit into its memory cache.
struct TrafficServerRecipe: ServerRecipe {
    static let name = "Traffic Server"

    var name: String { Self.name }
    var role: String { "reverse proxy, cache in memory over a file" }
    var programs: [String] { ["traffic_server"] }
    var cacheCount: Int { 1 }

    func prepare(_ site: ServerSite) throws -> [ServerCommand] {
        for name in ["cache", "log", "run"] {
            try FileManager.default.createDirectory(
                atPath: site.path + "/" + name, withIntermediateDirectories: true)
        }
        _ = try site.write("etc/records.config", records(site))
        _ = try site.write("etc/remap.config", "map / http://127.0.0.1:\(site.upstreamPort)/\n")
        _ = try site.write("etc/ssl_multicert.config", "dest_ip=* ssl_cert_name=server.crt ssl_key_name=server.key\n")
        _ = try site.write("etc/storage.config", "\(site.path)/cache 64M\n")
        _ = try site.write(
            "etc/ip_allow.yaml", "ip_allow: [{apply: in, ip_addrs: 127.0.0.1, action: allow, methods: ALL}]\n")
        for name in ["plugin.config", "logging.yaml", "sni.yaml", "cache.config"] {
            _ = try site.write("etc/" + name, "")
        }
        let layout = try site.write("runroot.yaml", layout(site))
        return [ServerCommand(words: ["traffic_server", "--run-root=\(layout)"])]
    }

    func version(scratch: String) throws -> String {
        // Traffic Server 9.2.9 Apr  4 2026 14:52:39 localhost
        let words = try Programs.run(["traffic_server", "-V"], output: scratch).firstLine.split(separator: " ")
        return words.count > 2 ? String(words[2]) : ""
    }

    private func records(_ site: ServerSite) -> String {
        """
        CONFIG proxy.config.http.server_ports STRING \(site.port):ssl:ip-in=127.0.0.1
        CONFIG proxy.config.ssl.server.cert.path STRING \(site.folder.path)
        CONFIG proxy.config.ssl.server.private_key.path STRING \(site.folder.path)
        CONFIG proxy.config.admin.user_id STRING #-1
        CONFIG proxy.config.crash_log_helper STRING NULL
        CONFIG proxy.config.exec_thread.autoconfig INT 0
        CONFIG proxy.config.exec_thread.limit INT \(site.workers)
        CONFIG proxy.config.accept_threads INT 0
        CONFIG proxy.config.task_threads INT 1
        CONFIG proxy.config.cache.threads_per_disk INT 1
        CONFIG proxy.config.cache.ram_cache.size INT 268435456
        CONFIG proxy.config.cache.ram_cache_cutoff INT 8388608
        CONFIG proxy.config.log.logging_enabled INT 0
        CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT \(site.idleSeconds)
        CONFIG proxy.config.http2.no_activity_timeout_in INT \(site.idleSeconds)
        CONFIG proxy.config.net.connections_throttle INT \(site.connections + 1024)

        """
    }

    private func layout(_ site: ServerSite) -> String {
        """
        prefix: \(site.path)
        exec_prefix: \(site.path)
        bindir: /usr/bin
        sbindir: /usr/bin
        sysconfdir: \(site.path)/etc
        datadir: \(site.path)/cache
        libdir: /usr/lib/trafficserver
        libexecdir: /usr/lib/trafficserver/modules
        localstatedir: \(site.path)/run
        runtimedir: \(site.path)/run
        logdir: \(site.path)/log
        cachedir: \(site.path)/cache

        """
    }
}
