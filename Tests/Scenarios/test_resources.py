# SPDX-License-Identifier: Apache-2.0
"""Descriptors and memory run out: the edge refuses, recovers and lives on; half-open connections leave nothing."""

import contextlib
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from curl import fetch
from edge_node import EdgeNode
from frames import DATA, Client

MIB = 1 << 20
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def origin() -> Iterator[BodyOrigin]:
    served = BodyOrigin()
    yield served
    served.close()


@contextlib.contextmanager
def running(folder: Path, origin: BodyOrigin, name: str, **options: object) -> Iterator[EdgeNode]:
    edge = EdgeNode(folder / "resources", name, origin.port, **options)  # type: ignore[arg-type]
    try:
        yield edge
        edge.program.require_running()
    finally:
        status = edge.stop()
    assert status == 0


def wait_for(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def connected(node: EdgeNode, receive_buffer: int = 0) -> socket.socket:
    client = socket.socket()
    client.settimeout(10)
    if receive_buffer:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    client.connect(("127.0.0.1", node.plain_port))
    return client


def asked(node: EdgeNode, path: str, receive_buffer: int = 0) -> socket.socket:
    client = connected(node, receive_buffer)
    client.sendall(f"GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
    return client


def processor_ticks(node: EdgeNode) -> int:
    """Processor time that the process has used, in hundredths of a second."""
    fields = Path(f"/proc/{node.program.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def answer(client: socket.socket, size: int) -> bytes:
    """The content of a whole response."""
    received = b""
    while b"\r\n\r\n" not in received:
        piece = client.recv(65_536)
        assert piece, received
        received += piece
    content = received.partition(b"\r\n\r\n")[2]
    while len(content) < size:
        piece = client.recv(1 << 20)
        assert piece, "cut short"
        content += piece
    return content


def test_descriptors_for_upstream_are_kept_back(work_folder: Path, origin: BodyOrigin) -> None:
    prefix = ["prlimit", "--nofile=160:160"]
    with running(work_folder, origin, "few-files", prefix=prefix) as node:
        assert "the limit of open files is too low" in node.program.log.read_text()
        held = [connected(node) for _ in range(150)]
        wait_for(lambda: node.metric("spillway_connections_refused_total") > 0)
        refused, opened = "spillway_connections_refused_total", "spillway_connections_open"
        wait_for(lambda: node.metric(refused) + node.metric(opened) == 150)
        # All places are taken: those who have one are served, and misses reach upstream.
        held[0].sendall(b"GET /size/1000/few HTTP/1.1\r\nhost: edge\r\n\r\n")
        assert answer(held[0], 1000) == body(1000)
        assert node.metric("spillway_accept_pauses_total") == 0
        for client in held:
            client.close()
        wait_for(lambda: node.metric("spillway_connections_open") == 0)
        assert fetch(node.plain("/size/1000/few")).body == body(1000)


def test_accepting_pauses_without_descriptors_and_goes_on(work_folder: Path, origin: BodyOrigin) -> None:
    with running(work_folder, origin, "no-files") as node:
        assert fetch(node.plain("/size/1000/kept")).body == body(1000)
        limit = ["prlimit", "--pid", str(node.program.pid)]
        subprocess.run([*limit, f"--nofile={node.open_files() - 4}:4096"], check=True)
        waiting = asked(node, "/size/1000/kept")
        time.sleep(1.5)
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)
        before = processor_ticks(node)
        time.sleep(1)
        assert processor_ticks(node) - before < 30, "it spins while it has no descriptor"
        subprocess.run([*limit, "--nofile=4096:4096"], check=True)
        waiting.settimeout(5)
        assert answer(waiting, 1000) == body(1000)
        assert node.metric("spillway_accept_pauses_total") > 0
        waiting.close()


def test_no_descriptor_for_upstream_is_an_error_for_this_request_alone(work_folder: Path, origin: BodyOrigin) -> None:
    with running(work_folder, origin, "no-upstream-files") as node:
        client = connected(node)
        wait_for(lambda: node.metric("spillway_connections_open") == 1)
        limit = ["prlimit", "--pid", str(node.program.pid)]
        subprocess.run([*limit, f"--nofile={node.open_files() - 1}:4096"], check=True)
        client.sendall(b"GET /size/1000/late HTTP/1.1\r\nhost: edge\r\n\r\n")
        assert client.recv(65_536).startswith(b"HTTP/1.1 503")
        subprocess.run([*limit, "--nofile=4096:4096"], check=True)
        assert fetch(node.plain("/size/1000/late")).body == body(1000)
        client.close()


def test_an_uncacheable_body_waits_for_its_reader(work_folder: Path, origin: BodyOrigin) -> None:
    """The reader takes nothing for a while: upstream is held back, and nothing is lost when it goes on."""
    size = 40 * MIB
    with running(work_folder, origin, "pipe") as node:
        for kind in ("private", "private-chunks"):
            before = node.resident_bytes()
            paused = node.metric("spillway_fills_paused_total")
            sent = origin.sent_bytes
            client = asked(node, f"/{kind}/{size}")
            wait_for(lambda: node.metric("spillway_fills_paused_total") > paused)
            time.sleep(0.5)
            assert node.resident_bytes() < before + 8 * MIB
            assert origin.sent_bytes - sent < 24 * MIB, "upstream was read on"
            if kind == "private":
                received = answer(client, size // 2)
                assert node.resident_bytes() < before + 8 * MIB, "what the reader has taken is kept"
                while len(received) < size:
                    piece = client.recv(MIB)
                    assert piece, "cut short"
                    received += piece
                assert received == body(size)
            client.close()
            # Without its reader the rest is of no use to anyone.
            wait_for(lambda: node.metric("spillway_body_memory_bytes") == 0)
        with Client(node.port, node.keys.ca) as secure:
            assert secure.fetch(f"/private/{3 * MIB}", 1) == (200, body(3 * MIB))


def test_memory_stays_within_its_budget(work_folder: Path, origin: BodyOrigin) -> None:
    """Many slow readers of many objects, cacheable and not, over a small budget, under a limit of address space."""
    cache = "{memoryBytes: 16MiB, objectBytes: 4MiB}"
    limits = "{outputBytesPerWorker: 8MiB}"
    prefix = ["prlimit", f"--as={2 << 30}"]
    with running(work_folder, origin, "small", cache=cache, limits=limits, prefix=prefix) as node:
        assert fetch(node.plain("/size/1000/first")).status == 200
        before = node.resident_bytes()
        held: list[socket.socket] = []
        top = 0
        for number in range(150):
            kind = ("size", "private", "chunks")[number % 3]
            held.append(asked(node, f"/{kind}/{3 * MIB}/{number}", receive_buffer=4096))
            top = max(top, node.resident_bytes())
        time.sleep(1)
        top = max(top, node.resident_bytes())
        assert node.metric("spillway_fills_refused_total") > 0
        # Bodies may take half as much again as the budget, and one object more; then output, and what a fill reads.
        assert node.metric("spillway_body_memory_bytes") <= 24 * MIB + 4 * MIB
        assert top - before < (24 + 4 + 8 + 24) * MIB, f"{(top - before) / MIB:.0f} MiB"
        for client in held:
            client.close()
        wait_for(lambda: node.metric("spillway_connections_open") == 0)
        wait_for(lambda: node.metric("spillway_body_memory_bytes") <= 16 * MIB)
        assert fetch(node.plain(f"/size/{3 * MIB}/last")).body == body(3 * MIB)


def test_output_for_slow_readers_stays_within_its_budget(work_folder: Path, origin: BodyOrigin) -> None:
    """All want the same stored object, so only what waits to be sent takes memory."""
    limits = "{outputBytesPerWorker: 4MiB}"
    with running(work_folder, origin, "output", limits=limits) as node:
        assert fetch(node.plain(f"/size/{8 * MIB}")).status == 200
        before = node.resident_bytes()
        held = [asked(node, f"/size/{8 * MIB}", receive_buffer=4096) for _ in range(80)]
        wait_for(lambda: node.metric("spillway_output_refused_total") > 0)
        time.sleep(0.5)
        assert node.resident_bytes() < before + 16 * MIB
        assert node.metric("spillway_output_refused_total") + node.metric("spillway_connections_open") == 80
        assert fetch(node.plain("/size/1000")).body == body(1000)
        for client in held:
            client.close()


def test_half_open_connections_leave_nothing(work_folder: Path, origin: BodyOrigin) -> None:
    """Clients that close one side and read nothing, or reset in the middle of a body or of a handshake."""
    with running(work_folder, origin, "half-open", limits="{sendStallTimeoutMilliseconds: 1000}") as node:
        assert fetch(node.plain("/size/1000")).status == 200
        files = node.open_files()
        held = []
        for number in range(30):
            finished = asked(node, f"/size/{3 * MIB}", receive_buffer=4096)
            finished.shutdown(socket.SHUT_WR)
            held.append(finished)
            broken = asked(node, f"/size/{3 * MIB}", receive_buffer=4096)
            broken.recv(1)
            broken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            broken.close()
            silent = socket.create_connection(("127.0.0.1", node.port))
            silent.sendall(b"\x16\x03\x01")
            silent.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            silent.close()
        for _ in range(10):
            with Client(node.port, node.keys.ca, receive_buffer=4096) as client:
                client.ask(f"/size/{3 * MIB}", 1)
                while (found := client.read_frame()) is not None and found.type != DATA:
                    pass
                client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        wait_for(lambda: node.metric("spillway_connections_open") == 0)
        assert node.open_files() <= files + 1
        assert fetch(node.plain("/size/1000")).body == body(1000)
        for client in held:
            client.close()
