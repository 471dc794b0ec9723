# SPDX-License-Identifier: Apache-2.0
"""An edge with two sites beside its top level, each with an origin that says whose it is."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from certificates import Authority, Certificate
from configured_edge import ConfiguredEdge
from curl import Answer, fetch
from frames import END_HEADERS, END_STREAM, HEADERS, Client, frame, literal
from reply_origin import Asked, Reply, ReplyOrigin, fresh
from viewer import sign

SECONDS_MAX = 5.0


class SiteOrigin(ReplyOrigin):
    """Answers every path with `NAME PATH`, fresh for ten minutes, where it was not told otherwise."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def _next(self, asked: Asked) -> Reply:
        if asked.path not in self.replies:
            self.replies[asked.path] = [fresh(body=f"{self.name} {asked.path}".encode())]
        return super()._next(asked)


@dataclass
class Setup:
    """An edge with sites: `one.example` needs tokens of its own, `two.example` none, all else those of the top level."""

    folder: Path
    authority: Authority
    certificate: Certificate
    port: int
    admin: int
    top: SiteOrigin
    one: SiteOrigin
    two: SiteOrigin
    top_key: str
    one_key: str
    edge: ConfiguredEdge

    def text(self, sites: str | None = None, more: str = "") -> str:
        (self.folder / "top.keys").write_text(f"{self.top_key}\n")
        (self.folder / "one.keys").write_text(f"{self.one_key}\n")
        (self.folder / "admin.token").write_text("c3" * 16 + "\n")
        return f"""\
workers: 2
listen: [{{endpoint: 127.0.0.1:{self.port}, tls: true}}]
admin: {{listen: 127.0.0.1:{self.admin}, tokenFile: "{self.folder / "admin.token"}"}}
tls: {{certificates: [{self.certificate.yaml()}]}}
token: {{keysFile: "{self.folder / "top.keys"}"}}
upstream: {{servers: [127.0.0.1:{self.top.port}]}}
cors: {{allowOrigins: ["https://top.example"]}}
sites:
{self.sites() if sites is None else sites}
accessLog: {{file: "{self.folder / "access.jsonl"}"}}
{more.replace("FOLDER", str(self.folder))}
"""

    def sites(self) -> str:
        return f"""\
  - hosts: [one.example, www.one.example]
    token: {{keysFile: "{self.folder / "one.keys"}"}}
    upstream: {{servers: [127.0.0.1:{self.one.port}], hostHeader: one.example}}
    cors: {{allowOrigins: ["https://player.one.example"], allowCredentials: true}}
  - hosts: ["*.two.example", two.example]
    token: {{required: false}}
    upstream: {{servers: [127.0.0.1:{self.two.port}]}}
    cache: {{negativeSeconds: {{404: 60}}}}
    cors: {{allowOrigins: ["*"]}}
"""

    def get(self, host: str, path: str, *options: str) -> Answer:
        """By curl, which checks the certificate for the host."""
        return fetch(
            f"https://{host}:{self.port}{path}", "--connect-to", f"::127.0.0.1:{self.port}", *options,
            ca=self.authority.ca, seconds=20,
        )  # fmt: skip

    def signed(self, key: str, path: str) -> str:
        return f"/hdnts={sign(key, '/*')}{path}"

    def client(self) -> Client:
        return Client(self.port, self.authority.ca)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS_MAX} s: {what}"
        time.sleep(0.01)


def ask(client: Client, stream: int, host: str, path: str) -> tuple[int, bytes]:
    """One response over the client's connection, whatever host it was opened for."""
    fields = [(":method", "GET"), (":scheme", "https"), (":authority", host), (":path", path)]
    block = b"".join(literal(name.encode(), value.encode()) for name, value in fields)
    assert client.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, block))
    return client.finish(stream)
