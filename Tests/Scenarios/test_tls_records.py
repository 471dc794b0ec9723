# SPDX-License-Identifier: Apache-2.0
"""The records that the edge sends are read by OpenSSL's own clients: every suite, both versions, new keys, alerts, the
end of a connection."""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from curl import fetch
from edge_node import EdgeNode
from frames import trusting_context

SIZES = [1, 2_048, 16_375, 16_384, 16_385, 250_000, 3_000_000]
SUITES = {
    "AES-128-GCM": ["--tls13-ciphers", "TLS_AES_128_GCM_SHA256"],
    "AES-256-GCM": ["--tls13-ciphers", "TLS_AES_256_GCM_SHA384"],
    "ChaCha20": ["--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"],
    "TLS 1.2": ["--tls-max", "1.2"],
}


@pytest.fixture(scope="module")
def node(work_folder: Path) -> Iterator[EdgeNode]:
    origin = BodyOrigin()
    edge = EdgeNode(work_folder / "records", "records-edge", origin.port)
    yield edge
    assert edge.stop() == 0
    origin.close()


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
@pytest.mark.parametrize("suite", SUITES)
def test_bodies_of_all_sizes_arrive_whole(node: EdgeNode, suite: str, version: str) -> None:
    for size in SIZES:
        assert fetch(node.secure(f"/size/{size}"), version, *SUITES[suite], ca=node.keys.ca).body == body(size)


class Terminal:
    """openssl s_client in its interactive mode, where a line `K` asks for new keys on both sides and `k` on one. What it
    prints is read at the end: little enough for a pipe."""

    def __init__(self, node: EdgeNode) -> None:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{node.port}", "-alpn", "http/1.1", "-tls1_3", "-msg"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0
        )

    def type(self, text: str, seconds: float = 0.3) -> None:
        assert self.process.stdin
        self.process.stdin.write(text.encode())
        time.sleep(seconds)

    def ask(self, path: str) -> None:
        self.type(f"GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n")

    def end(self) -> bytes:
        self.type("Q\n")
        return self.process.communicate(timeout=10)[0]


def test_keys_change_when_the_client_asks(node: EdgeNode) -> None:
    terminal = Terminal(node)
    terminal.ask("/size/1000")
    for letter in ("K", "k", "K"):
        terminal.type(f"{letter}\n")
        terminal.ask("/size/3000")
    printed = terminal.end()
    assert printed.count(b"HTTP/1.1 200 OK") == 4, printed[-2000:]
    assert printed.count(b"content-length: 3000") == 3
    # Each request for both sides was answered by a change of ours.
    assert printed.count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate") == 2
    assert b"<<< TLS 1.3, Alert" not in printed


def test_a_client_that_asks_for_keys_all_the_time_is_closed(node: EdgeNode) -> None:
    terminal = Terminal(node)
    terminal.ask("/size/1000")
    for _ in range(130):
        try:
            terminal.type("K\n", seconds=0.02)
        except BrokenPipeError:
            break
    # Its input stays open: it ends because the edge has closed.
    terminal.process.wait(5)
    assert terminal.process.stdout
    answered = terminal.process.stdout.read().count(b"<<< TLS 1.3, Handshake [length 0005], KeyUpdate")
    assert answered == 100


def test_the_end_of_a_connection_is_announced(node: EdgeNode) -> None:
    terminal = Terminal(node)
    terminal.type("GET /size/1000 HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n")
    printed = terminal.process.communicate(timeout=10)[0]
    assert b"<<< TLS 1.3, Alert [length 0002], warning close_notify" in printed, printed[-1500:]


def test_a_broken_record_is_answered_with_an_alert(node: EdgeNode) -> None:
    """The alert is sealed by our hand like everything else: a client can read it."""
    context = trusting_context(node.keys.ca, "http/1.1")
    raw = socket.create_connection(("127.0.0.1", node.port), timeout=10)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(65_536))
    tls.write(b"GET /size/10 HTTP/1.1\r\nhost: edge\r\n\r\n")
    record = bytearray(outgoing.read())
    record[-1] ^= 1
    raw.sendall(record)
    with pytest.raises(ssl.SSLError, match="(?i)bad.record.mac"):
        while data := raw.recv(65_536):
            incoming.write(data)
            try:
                tls.read(65_536)
            except ssl.SSLWantReadError:
                continue
    raw.close()
