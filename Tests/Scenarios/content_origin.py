# SPDX-License-Identifier: Apache-2.0
"""An upstream that serves given bodies with given fields, and remembers what it was asked."""

import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@dataclass
class Content:
    body: bytes
    fields: dict[str, str] = field(default_factory=dict)
    # Bytes after which the body waits until `released`.
    pause_after: int | None = None
    released: threading.Event = field(default_factory=threading.Event)
    # Bytes after which the connection is closed.
    breaks_after: int | None = None


class ContentOrigin:
    """Serves `contents` by path on a free port of 127.0.0.1."""

    def __init__(self, contents: dict[str, Content]) -> None:
        self.contents = contents
        self.asked: Counter[str] = Counter()
        self.last_request: dict[str, str] = {}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        origin = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                origin.asked[self.path] += 1
                origin.last_request = {name.lower(): value for name, value in self.headers.items()}
                content = origin.contents.get(self.path)
                self.send_response(200 if content else 404)
                body = content.body if content else b"not here"
                for name, value in (content.fields if content else {}).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if content and content.breaks_after is not None:
                    self.wfile.write(body[: content.breaks_after])
                    self.close_connection = True
                    return
                pause = content.pause_after if content else None
                if content and pause is not None:
                    self.wfile.write(body[:pause])
                    self.wfile.flush()
                    content.released.wait(20)
                    body = body[pause:]
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The tests' output stays readable."""

        return Handler
