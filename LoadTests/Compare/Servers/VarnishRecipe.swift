// SPDX-License-Identifier: Apache-2.0

import Foundation
import Glibc

/// Varnish with its cache in memory, behind hitch for TLS, one worker each; both count. They speak the PROXY protocol
/// over a UNIX socket, which was measured to be cheaper than TCP.
struct VarnishRecipe: ServerRecipe {
    static let name = "Varnish + hitch"

    var name: String { Self.name }
    var role: String { "cache in memory, TLS by a second process" }
    var programs: [String] { ["varnishd", "hitch", "gcc"] }
    var cacheCount: Int { 1 }

    func prepare(_ site: ServerSite) throws -> [ServerCommand] {
        let language = try site.write(
            "bench.vcl",
            """
            vcl 4.1;
            backend default { .host = "127.0.0.1"; .port = "\(site.upstreamPort)"; }

            """)
        let hitch = try site.write(
            "hitch.conf",
            """
            frontend = { host = "127.0.0.1" port = "\(site.port)" }
            backend = "\(site.socket)"
            pem-file = "\(site.folder.path)/server.pem"
            workers = \(site.workers)
            \(site.isRoot ? "user = \"\(Self.workerUser)\"" : "")
            alpn-protos = "h2, http/1.1"
            write-proxy-v2 = on
            daemon = off
            syslog = off
            log-level = 1
            ocsp-dir = ""

            """)
        let varnish = [
            "varnishd", "-F", "-n", site.path + "/work", "-a", site.socket + ",PROXY,mode=666", "-f", language,
            "-s", "malloc,256m", "-T", "none", "-j", "none", "-p", "feature=+http2", "-p", "thread_pools=1",
            "-p", "timeout_idle=\(site.idleSeconds)",
        ]
        return [
            ServerCommand(words: varnish), ServerCommand(words: ["hitch", "--config=" + hitch], waitsFor: site.socket),
        ]
    }

    func version(scratch: String) throws -> String {
        // varnishd (varnish-7.1.1 revision 7cee1c5)
        let varnish = try Programs.run(["varnishd", "-V"], output: scratch).firstLine
            .replacing("varnishd (varnish-", with: "").prefix { $0 != " " }
        let hitch = try Programs.run(["hitch", "--version"], output: scratch).firstLine.replacing("hitch ", with: "")
        return "\(varnish) + \(hitch)"
    }

    /// hitch refuses to work as root. Debian's package makes a user for it.
    private static var workerUser: String { getpwnam("_hitch") == nil ? "nobody" : "_hitch" }
}
