# SPDX-License-Identifier: Apache-2.0
"""Several listeners, IPv6, and both versions on a cleartext one: HTTP/2 with prior knowledge (RFC 9113 section 3.3)."""

import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from certificates import Authority
from configured_edge import ConfiguredEdge, configured_edge
from curl import HTTP_1, HTTP_2, fetch
from frames import PREFACE, SETTINGS, Client, frame
from stack.ports import free_ports

PRIOR_KNOWLEDGE = "--http2-prior-knowledge"


@dataclass(frozen=True)
class Site:
    edge: ConfiguredEdge
    ca: Path
    secure: int
    plain: int
    secure_6: int

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.plain}{path}"


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    origin = BodyOrigin()
    authority = Authority(work_folder / "listeners" / "keys")
    certificate = authority.issue("listeners", "127.0.0.1", "::1")
    secure, plain, secure_6, admin = free_ports(4)
    text = f"""\
workers: 2
listen:
  - {{endpoint: 127.0.0.1:{secure}, tls: true}}
  - {{endpoint: 127.0.0.1:{plain}, tls: false}}
  - {{endpoint: "[::1]:{secure_6}", tls: true}}
  - {{endpoint: "[::1]:{plain}", tls: false}}
admin: {{listen: 127.0.0.1:{admin}}}
tls: {{certificates: [{certificate.yaml()}]}}
token: {{required: false}}
requests: {{methods: read}}
upstream: {{servers: [127.0.0.1:{origin.port}]}}
limits: {{headerTimeoutMilliseconds: 1000, idleTimeoutMilliseconds: 3000}}
"""
    with configured_edge(work_folder / "listeners", "listeners", admin, text) as edge:
        yield Site(edge, authority.ca, secure, plain, secure_6)
    origin.close()


@pytest.mark.parametrize(
    ("option", "version"), [(HTTP_1, "HTTP/1.1"), (PRIOR_KNOWLEDGE, "HTTP/2"), (HTTP_2, "HTTP/1.1")]
)
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_cleartext(site: Site, host: str, option: str, version: str) -> None:
    answer = fetch(f"http://{host}:{site.plain}/size/300000", option)
    assert (answer.status, answer.version, answer.body) == (200, version, body(300_000))


@pytest.mark.parametrize(("option", "version"), [(HTTP_1, "HTTP/1.1"), (HTTP_2, "HTTP/2")])
def test_tls_by_ipv6(site: Site, option: str, version: str) -> None:
    answer = fetch(f"https://[::1]:{site.secure_6}/size/100", option, ca=site.ca)
    assert (answer.status, answer.version, answer.body) == (200, version, body(100))


def test_an_ipv6_listener_takes_ipv6_alone(site: Site) -> None:
    """Otherwise the cleartext listeners, which share a port, could not both be there; nor is this one open to IPv4."""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", site.secure_6), timeout=5)


class PlainClient(Client):
    """HTTP/2 by hand without TLS; what is to be sent goes out `piece` bytes at a time."""

    def __init__(self, port: int, piece: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)  # type: ignore[assignment]
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = b""
        self._statuses = []
        data = PREFACE + frame(SETTINGS)
        for start in range(0, len(data), piece):
            self.socket.sendall(data[start : start + piece])
            time.sleep(0.005)


@pytest.mark.parametrize("piece", [1, 2, 5, 23, 24, 25, 100])
def test_the_preface_may_come_in_pieces(site: Site, piece: int) -> None:
    with PlainClient(site.plain, piece) as client:
        assert client.fetch("/size/40000", 1) == (200, body(40_000))
        assert client.fetch("/size/40000", 3) == (200, body(40_000))


@pytest.mark.parametrize("piece", [1, 3, 1000])
@pytest.mark.parametrize("method", ["GET", "PRI", "POST"])
def test_http_1_may_come_in_pieces(site: Site, method: str, piece: int) -> None:
    """Methods that begin as the preface does, too."""
    expected = {"GET": b"HTTP/1.1 200 ", "PRI": b"HTTP/1.1 501 ", "POST": b"HTTP/1.1 405 "}[method]
    with socket.create_connection(("127.0.0.1", site.plain), timeout=10) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        data = f"{method} /size/10 HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n".encode()
        for start in range(0, len(data), piece):
            client.sendall(data[start : start + piece])
            time.sleep(0.003)
        received = b""
        while part := client.recv(65_536):
            received += part
    assert received.startswith(expected), received
    if method == "GET":
        assert received.endswith(b"\r\n\r\n" + body(10))


@pytest.mark.parametrize(
    ("start", "seconds"), [(b"PRI * HTTP/2.0\r\n", 1.0), (b"P", 1.0), (b"", 3.0)], ids=["preface", "letter", "nothing"]
)
def test_half_a_preface_is_a_late_head(site: Site, start: bytes, seconds: float) -> None:
    before = site.edge.metric("spillway_timeouts_total")
    with socket.create_connection(("127.0.0.1", site.plain), timeout=10) as client:
        client.sendall(start)
        begun = time.monotonic()
        assert client.recv(1) == b""
    assert seconds * 0.9 < time.monotonic() - begun < seconds + 2.5
    assert site.edge.metric("spillway_timeouts_total") == before + 1


def test_a_broken_preface_is_answered_as_http_1(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.plain), timeout=10) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n")
        assert client.recv(100).startswith((b"HTTP/1.1 400", b"HTTP/1.1 505"))


def test_load_by_prior_knowledge(site: Site) -> None:
    command = ["h2load", "-n", "2000", "-c", "10", "-m", "10", site.address("/size/20000")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "2000 succeeded, 0 failed" in done.stdout, done.stdout
    assert "Application protocol: h2c" in done.stdout
