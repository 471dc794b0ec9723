# SPDX-License-Identifier: Apache-2.0
"""SIGTERM: nothing new is taken, what is in flight is finished, idle connections go at once, and it ends in time."""

import signal
import socket
import struct
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from edge_node import EdgeNode
from frames import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PING,
    WINDOW_UPDATE,
    Client,
    frame,
    request_block,
)
from viewer import read

SIZE = 6 << 20
DRAIN_SECONDS = 4


@pytest.fixture(scope="module")
def origin() -> Iterator[BodyOrigin]:
    served = BodyOrigin()
    yield served
    served.close()


@pytest.fixture
def node(work_folder: Path, origin: BodyOrigin, request: pytest.FixtureRequest) -> Iterator[EdgeNode]:
    limits = f"{{drainMilliseconds: {DRAIN_SECONDS * 1000}}}"
    edge = EdgeNode(work_folder / "drain", request.node.name, origin.port, limits, workers=2)
    yield edge
    edge.stop()


def terminate(node: EdgeNode) -> float:
    node.program.process.send_signal(signal.SIGTERM)
    return time.monotonic()


def exit_status(node: EdgeNode, seconds: float) -> int:
    return node.program.process.wait(seconds)


def wait_until_refused(port: int) -> None:
    """Each worker closes its own listening socket, so one that runs a moment later may take a connection still."""
    deadline = time.monotonic() + 2
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            return
        time.sleep(0.01)
    pytest.fail("connections are still taken")


def slow_download(node: EdgeNode) -> tuple[threading.Thread, list[bytes]]:
    """An HTTP/1.1 download of `SIZE` bytes that takes about 1.5 s."""
    client = socket.create_connection(("127.0.0.1", node.plain_port), timeout=10)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    client.sendall(f"GET /size/{SIZE}/one HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
    received = [client.recv(1000)]

    def download() -> None:
        while piece := client.recv(1 << 18):
            received.append(piece)
            time.sleep(0.03)
        client.close()

    thread = threading.Thread(target=download)
    thread.start()
    return thread, received


def test_downloads_in_flight_are_finished(node: EdgeNode) -> None:
    """Over both versions; a request that crosses the first GOAWAY on its way is answered too."""
    plenty = struct.pack(">I", 1 << 30)
    with Client(node.port, node.keys.ca) as client:
        # The connection's window is open, the stream's lets 64 KiB through.
        client.send(frame(WINDOW_UPDATE, payload=plenty))
        client.ask(f"/size/{SIZE}/two", 1)
        while (found := client.read_frame()) is not None and found.type != DATA:
            pass
        thread, received = slow_download(node)
        terminate(node)
        while found is not None and found.type != GOAWAY:
            found = client.read_frame()
        assert found is not None and (found.last_stream, found.error) == (0x7FFF_FFFF, NO_ERROR)
        assert client.fetch("/size/1000", 3) == (200, body(1000))
        time.sleep(2.3)  # the notice is over now
        client.ask("/size/1000", 5)
        client.send(frame(WINDOW_UPDATE, 0, 1, plenty))
        frames = client.read_until_closed(5)
    assert [found.last_stream for found in frames if found.type == GOAWAY] == [3]
    assert not [found for found in frames if found.stream == 5 and found.type in (HEADERS, DATA)]
    rest = b"".join(found.payload for found in frames if found.type == DATA and found.stream == 1)
    assert body(SIZE).endswith(rest) and len(rest) == SIZE - 65_535
    assert any(found.stream == 1 and found.flags & END_STREAM for found in frames if found.type == DATA)
    thread.join()
    assert b"".join(received).partition(b"\r\n\r\n")[2] == body(SIZE)
    assert exit_status(node, DRAIN_SECONDS) == 0


def test_the_answered_ping_ends_the_notice_at_once(node: EdgeNode) -> None:
    with Client(node.port, node.keys.ca) as client:
        client.ask("/slow/1000", 1)
        assert client.fetch("/size/10", 3) == (200, body(10))
        start = terminate(node)
        frames = []
        while (found := client.read_frame()) is not None:
            frames.append(found)
            if found.type == PING and not found.flags & ACK:
                client.send(frame(PING, ACK, payload=found.payload))
            if found.type == GOAWAY and found.last_stream != 0x7FFF_FFFF:
                assert time.monotonic() - start < 0.5
        away = [found.last_stream for found in frames if found.type == GOAWAY]
        assert away == [0x7FFF_FFFF, 3]
        assert any(found.stream == 1 and found.flags & END_STREAM for found in frames)
    assert exit_status(node, 2) == 0


def test_idle_connections_are_closed_and_the_health_says_so(node: EdgeNode) -> None:
    """A stuck reader keeps the process up for as long as a drain may take; then it is cut off."""
    idle = socket.create_connection(("127.0.0.1", node.plain_port), timeout=5)
    stuck = socket.socket()
    stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stuck.connect(("127.0.0.1", node.plain_port))
    stuck.sendall(f"GET /size/{SIZE}/stuck HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
    time.sleep(0.3)
    with Client(node.port, node.keys.ca) as client:
        assert client.fetch("/size/10", 1) == (200, body(10))
        start = terminate(node)
        frames = client.read_until_closed(1)
        assert [(found.last_stream, found.error) for found in frames if found.type == GOAWAY] == [(1, NO_ERROR)]
    assert idle.recv(1) == b""
    assert time.monotonic() - start < 1
    wait_until_refused(node.plain_port)
    with pytest.raises(urllib.error.HTTPError, match="503"):
        read(f"http://127.0.0.1:{node.admin_port}/healthz")
    assert exit_status(node, DRAIN_SECONDS + 2) == 0
    assert DRAIN_SECONDS - 0.5 < time.monotonic() - start < DRAIN_SECONDS + 1
    assert '"connectionsCutOff":"1"' in node.program.log.read_text().splitlines()[-1]
    stuck.close()
    idle.close()


def test_a_second_signal_ends_at_once(node: EdgeNode) -> None:
    with Client(node.port, node.keys.ca) as client:
        client.send(frame(HEADERS, END_STREAM | END_HEADERS, 1, request_block(f"/size/{SIZE}/second")))
        time.sleep(0.2)
        start = terminate(node)
        time.sleep(0.3)
        assert node.program.process.poll() is None
        terminate(node)
        assert exit_status(node, 2) == 0
        assert time.monotonic() - start < 1.5


def test_what_the_kernel_has_connected_is_not_reset(node: EdgeNode) -> None:
    """Connections that come in the very moment are either served or refused, never broken off in a request."""
    broken = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                client = socket.create_connection(("127.0.0.1", node.plain_port), timeout=5)
            except ConnectionRefusedError:
                return
            except ConnectionResetError as error:
                # The handshake was not over when the listener closed.
                broken.append(error)
                continue
            with client:
                try:
                    client.sendall(b"GET /size/10 HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n")
                    received = b""
                    while piece := client.recv(4096):
                        received += piece
                except ConnectionError as error:
                    broken.append(error)
                    continue
                # One that was closed without a byte was idle: the client may ask again elsewhere.
                if received and not received.endswith(body(10)):
                    broken.append(received)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    terminate(node)
    stop_at = time.monotonic() + 5
    for thread in threads:
        thread.join(max(0.1, stop_at - time.monotonic()))
    stop.set()
    assert exit_status(node, 5) == 0
    assert not [found for found in broken if isinstance(found, bytes)]
    assert len(broken) <= 8, "one connection of each client may meet the end of the listener"
