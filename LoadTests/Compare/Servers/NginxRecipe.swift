// SPDX-License-Identifier: Apache-2.0

/// nginx with one worker and `proxy_cache`: the cache's files stay open, their bytes in the page cache.
struct NginxRecipe: ServerRecipe {
    static let name = "nginx"

    var name: String { Self.name }
    var role: String { "proxy_cache" }
    var programs: [String] { ["nginx"] }
    var cacheCount: Int { 1 }

    func prepare(_ site: ServerSite) throws -> [ServerCommand] {
        let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map { "\($0)_temp_path \(site.path)/\($0);" }.joined(separator: "\n    ")
        let configuration = try site.write(
            "nginx.conf",
            """
            \(site.isRoot ? "user root;" : "")
            daemon off;
            worker_processes \(site.workers);
            pid \(site.path)/nginx.pid;
            error_log stderr error;
            # nginx closes idle connections when fewer than a sixteenth of these are free.
            events { worker_connections \(site.connections * 9 / 8 + 64); }
            http {
                \(temporary)
                access_log off;
                sendfile on;
                tcp_nopush on;
                keepalive_timeout \(site.idleSeconds)s;
                keepalive_requests 1000000000;
                open_file_cache max=1000 inactive=\(site.idleSeconds)s;
                open_file_cache_valid \(site.idleSeconds)s;
                proxy_cache_path \(site.path)/cache levels=1:2 keys_zone=bench:10m inactive=1d use_temp_path=off;
                server {
                    listen 127.0.0.1:\(site.port) ssl http2;
                    ssl_certificate \(site.folder.certificate);
                    ssl_certificate_key \(site.folder.certificateKey);
                    ssl_protocols TLSv1.2 TLSv1.3;
                    ssl_session_tickets on;
                    location / {
                        proxy_pass http://127.0.0.1:\(site.upstreamPort);
                        proxy_http_version 1.1;
                        proxy_set_header Connection "";
                        proxy_cache bench;
                    }
                }
            }

            """)
        return [ServerCommand(words: ["nginx", "-e", "stderr", "-c", configuration])]
    }

    func version(scratch: String) throws -> String {
        try Programs.run(["nginx", "-v"], output: scratch).firstLine.replacing("nginx version: nginx/", with: "")
    }
}
