# SPDX-License-Identifier: Apache-2.0
"""An upstream that answers every GET with the same bytes, for measurements of the edge alone."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def serve_fixed(body: bytes) -> ThreadingHTTPServer:
    """Starts the server on a free port of 127.0.0.1; its owner calls `shutdown` and `server_close`."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "public, max-age=31536000, immutable")
            self.send_header("ETag", '"fixed"')
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """The measurement's output stays readable."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
