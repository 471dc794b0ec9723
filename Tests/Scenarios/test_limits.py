# SPDX-License-Identifier: Apache-2.0
"""Every limit of edge.conf on what a client may take up: what happens at it, and that it is counted."""

import socket
import struct
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from curl import HTTP_1, HTTP_2, fetch
from edge_node import EdgeNode
from frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    NO_ERROR,
    PING,
    RST_STREAM,
    WINDOW_UPDATE,
    Client,
    frame,
    literal,
    request_block,
)

VERSIONS = [HTTP_1, HTTP_2]
LIMITS = """
  connectionsPerWorker: 40
  connectionsPerAddress: 30
  requestsPerConnection: 5
  lifetimeMilliseconds: 4500
  headerFields: 20
  targetBytes: 1000
  contentBytes: 1000
  handshakeTimeoutMilliseconds: 1000
  headerTimeoutMilliseconds: 1000
  contentTimeoutMilliseconds: 1000
  idleTimeoutMilliseconds: 2500
  sendStallTimeoutMilliseconds: 2000
  sendMinimumBytesPerSecond: 100000
"""
LARGE = 8 << 20


@pytest.fixture(scope="module")
def origin() -> Iterator[BodyOrigin]:
    served = BodyOrigin()
    yield served
    served.close()


@pytest.fixture(scope="module")
def node(work_folder: Path, origin: BodyOrigin) -> Iterator[EdgeNode]:
    edge = EdgeNode(work_folder / "limits", "limits-edge", origin.port, LIMITS, workers=2)
    yield edge
    edge.program.require_running()
    assert edge.stop() == 0


def wait_for(condition: Callable[[], bool], seconds: float = 8.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def seconds_until_closed(connection: socket.socket, seconds: float = 8.0) -> float:
    start = time.monotonic()
    connection.settimeout(seconds)
    try:
        while connection.recv(65_536):
            pass
    except ConnectionError:
        pass
    return time.monotonic() - start


def connected(node: EdgeNode) -> socket.socket:
    return socket.create_connection(("127.0.0.1", node.plain_port), timeout=8)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_long_target_is_refused(node: EdgeNode, version: str) -> None:
    good = "/size/10/" + "a" * 900
    assert fetch(node.secure(good), version, ca=node.keys.ca).status == 200
    for length in (1001, 15_000, 17_000):
        path = "/size/10/" + "a" * (length - 9)
        assert fetch(node.secure(path), version, ca=node.keys.ca).status in ((414,) if length < 16_000 else (414, 431))


@pytest.mark.parametrize("version", VERSIONS)
def test_a_head_of_many_fields_is_refused(node: EdgeNode, version: str) -> None:
    def options(count: int) -> list[str]:
        return [word for number in range(count) for word in ("-H", f"x-{number}: y")]

    assert fetch(node.secure("/size/10"), version, *options(10), ca=node.keys.ca).status == 200
    assert fetch(node.secure("/size/10"), version, *options(25), ca=node.keys.ca).status == 431


def test_connections_of_one_address_are_limited_over_all_workers(node: EdgeNode) -> None:
    before = node.metric("spillway_connections_refused_by_address_total")
    held = [connected(node) for _ in range(45)]
    wait_for(lambda: node.metric("spillway_connections_refused_by_address_total") == before + 15)
    for connection in held:
        connection.close()
    wait_for(lambda: node.metric("spillway_connections_open") == 0)
    again = [connected(node) for _ in range(20)]
    assert fetch(node.plain("/size/10")).status == 200
    assert node.metric("spillway_connections_refused_by_address_total") == before + 15
    for connection in again:
        connection.close()
    wait_for(lambda: node.metric("spillway_connections_open") == 0)


def test_an_http2_connection_ends_in_order_after_its_requests(node: EdgeNode) -> None:
    """All that was asked for before the client knew is answered, also beyond the limit."""
    before = node.metric("spillway_connections_retired_total")
    with Client(node.port, node.keys.ca) as client:
        client.send(b"".join(frame(HEADERS, 5, stream, request_block("/size/10")) for stream in range(1, 15, 2)))
        frames = client.read_until_closed(5)
    ended = {found.stream for found in frames if found.type == DATA and found.flags & END_STREAM}
    away = [found for found in frames if found.type == GOAWAY]
    assert ended == set(range(1, 15, 2))
    assert [found.error for found in away] == [NO_ERROR, NO_ERROR]
    assert [found.last_stream for found in away] == [0x7FFF_FFFF, 13]
    assert node.metric("spillway_connections_retired_total") == before + 1


def test_an_http1_connection_ends_in_order_after_its_requests(node: EdgeNode) -> None:
    with connected(node) as client:
        client.sendall(b"GET /size/10 HTTP/1.1\r\nhost: edge\r\n\r\n" * 5)
        received = b""
        while piece := client.recv(65_536):
            received += piece
    assert received.count(b"HTTP/1.1 200") == 5
    assert received.count(b"connection: close") == 1 and b"connection: close" in received.split(b"HTTP/1.1 200")[5]


def test_an_old_connection_is_retired_while_it_is_used(node: EdgeNode) -> None:
    """Only PINGs come, often enough for the idle limit: the connection's age ends it."""
    before = node.metric("spillway_connections_retired_total")
    start = time.monotonic()
    with Client(node.port, node.keys.ca, seconds=1) as client:
        while client.send(frame(PING, payload=bytes(8))) and time.monotonic() < start + 12:
            time.sleep(0.5)
    assert 4 < time.monotonic() - start < 8
    assert node.metric("spillway_connections_retired_total") == before + 1


def test_times_of_a_connection(node: EdgeNode) -> None:
    """A handshake that does not go on, a head that does not end, a connection without a request: all at once."""
    before = node.metric("spillway_timeouts_total")
    silent = socket.create_connection(("127.0.0.1", node.port))
    head = connected(node)
    head.sendall(b"GET /size/10 HTTP/1.1\r\nhost:")
    idle = connected(node)
    with Client(node.port, node.keys.ca) as half_head:
        half_head.send(frame(HEADERS, 5, 1, request_block("/size/10"))[:30])
        assert seconds_until_closed(silent) < 3.5
        assert seconds_until_closed(head) < 3.5
        half_head.read_until_closed(3.5)
        assert seconds_until_closed(idle) < 5
    wait_for(lambda: node.metric("spillway_timeouts_total") == before + 4)


def test_a_head_byte_by_byte_has_the_same_time(node: EdgeNode) -> None:
    start = time.monotonic()
    with connected(node) as client:
        try:
            for byte in b"GET /size/10 HTTP/1.1\r\nhost: edge\r\nx-long: " + b"a" * 100:
                client.sendall(bytes([byte]))
                time.sleep(0.1)
        except ConnectionError:
            pass
    assert time.monotonic() - start < 4


def test_content_has_a_size_and_a_time(node: EdgeNode) -> None:
    refused, late = node.metric("spillway_contents_refused_total"), node.metric("spillway_timeouts_total")
    with Client(node.port, node.keys.ca) as client:
        client.send(frame(HEADERS, END_HEADERS, 1, request_block("/slow/10", "GET")))
        client.send(frame(DATA, 0, 1, bytes(1001)))
        client.send(frame(HEADERS, END_HEADERS, 3, request_block("/slow/10", "GET")))
        client.send(frame(DATA, 0, 3, bytes(999)))
        reset: dict[int, float] = {}
        start = time.monotonic()
        while len(reset) < 2:
            found = client.read_frame()
            assert found is not None
            if found.type == RST_STREAM:
                reset[found.stream] = time.monotonic() - start
        assert client.fetch("/size/10", 5) == (200, body(10))
    assert reset[1] < 0.5 and 0.5 < reset[3] < 3.5
    assert node.metric("spillway_contents_refused_total") == refused + 1
    assert node.metric("spillway_timeouts_total") == late + 1


def test_a_closed_window_resets_the_stream_and_not_the_connection(node: EdgeNode) -> None:
    before = node.metric("spillway_timeouts_total")
    no_window = struct.pack(">HI", 4, 0)
    with Client(node.port, node.keys.ca, settings=no_window) as client:
        client.ask("/size/100000", 1)
        while (found := client.read_frame()) is not None and found.type != RST_STREAM:
            assert found.type != DATA
        assert found is not None and found.stream == 1
    assert node.metric("spillway_timeouts_total") > before


def test_a_window_that_opens_byte_by_byte_is_too_slow(node: EdgeNode) -> None:
    """Some progress in every second, so no stall; but less than the minimum rate."""
    before = node.metric("spillway_slow_readers_total")
    start = time.monotonic()
    no_window = struct.pack(">HI", 4, 0)
    with Client(node.port, node.keys.ca, settings=no_window) as client:
        client.ask("/size/100000", 1)
        while client.send(frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 1))) and time.monotonic() < start + 10:
            time.sleep(0.2)
    assert time.monotonic() - start < 6
    assert node.metric("spillway_slow_readers_total") == before + 1


@pytest.mark.parametrize("bytes_each", [0, 1])
def test_a_socket_that_is_hardly_read_is_closed(node: EdgeNode, bytes_each: int) -> None:
    """Not at all: the send stall limit. A byte now and then: the same, or the minimum rate."""
    names = ["spillway_slow_readers_total", "spillway_timeouts_total"]
    before = sum(node.metric(name) for name in names)
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", node.plain_port))
    client.sendall(f"GET /size/{LARGE} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())
    deadline = time.monotonic() + 8
    while sum(node.metric(name) for name in names) == before:
        assert time.monotonic() < deadline
        if bytes_each:
            client.recv(bytes_each)
        time.sleep(0.1)
    client.close()


def test_a_reader_above_the_minimum_rate_is_served_to_the_end(node: EdgeNode) -> None:
    """About 400 kB/s with a small buffer, so that output waits all the time."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16_384)
    client.settimeout(8)
    client.connect(("127.0.0.1", node.plain_port))
    client.sendall(b"GET /size/1600000 HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n")
    received = b""
    while piece := client.recv(40_000):
        received += piece
        time.sleep(len(piece) / 400_000)
    client.close()
    assert received.partition(b"\r\n\r\n")[2] == body(1_600_000)


def test_idle_connections_are_all_closed(work_folder: Path, origin: BodyOrigin) -> None:
    edge = EdgeNode(work_folder / "limits", "idle-edge", origin.port, "{idleTimeoutMilliseconds: 1000}")
    try:
        held = [socket.create_connection(("127.0.0.1", edge.plain_port)) for _ in range(500)]
        wait_for(lambda: edge.metric("spillway_connections_accepted_total") >= 500)
        wait_for(lambda: edge.metric("spillway_connections_open") == 0, 5)
        assert edge.metric("spillway_timeouts_total") == 500
        assert fetch(edge.plain("/size/10")).status == 200
        for connection in held:
            connection.close()
    finally:
        assert edge.stop() == 0
