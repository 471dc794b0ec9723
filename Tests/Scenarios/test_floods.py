# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 clients that make the edge work without asking for anything: told to calm down and closed, while others are
served. Each flood is also sent below its limit, where nothing may happen."""

import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from edge_node import EdgeNode
from frames import (
    CANCEL,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    ENHANCE_YOUR_CALM,
    GOAWAY,
    HEADERS,
    PING,
    PRIORITY,
    PRIORITY_UPDATE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Client,
    frame,
    request_block,
)

OPEN = END_HEADERS
WHOLE = END_HEADERS | END_STREAM
CANCELLED = struct.pack(">I", CANCEL)


@pytest.fixture(scope="module")
def node(work_folder: Path) -> Iterator[EdgeNode]:
    origin = BodyOrigin()
    edge = EdgeNode(work_folder / "floods", "floods-edge", origin.port)
    yield edge
    edge.program.require_running()
    assert edge.stop() == 0
    origin.close()


@pytest.fixture(autouse=True)
def others_are_served(node: EdgeNode) -> Iterator[None]:
    """Beside every flood stands another client on a connection of its own."""
    with Client(node.port, node.keys.ca) as other:
        assert other.fetch("/size/1000/other", 1) == (200, body(1000))
        yield
        assert other.fetch("/size/1000/other", 3) == (200, body(1000))


def requests_reset_at_once(count: int) -> bytes:
    """CVE-2023-44487."""
    return b"".join(
        frame(HEADERS, WHOLE, stream, request_block("/slow/1000")) + frame(RST_STREAM, 0, stream, CANCELLED)
        for stream in range(5, 5 + 2 * count, 2)
    )


def windows_overrun(count: int) -> bytes:
    """CVE-2025-8671: resets that we must make, here because each window grows beyond its largest."""
    return b"".join(
        frame(HEADERS, WHOLE, stream, request_block("/slow/1000"))
        + frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", 0x7FFF_FFFF))
        for stream in range(5, 5 + 2 * count, 2)
    )


def too_many_streams(count: int) -> bytes:
    """More than the SETTINGS allow, so that the rest is refused."""
    return b"".join(frame(HEADERS, WHOLE, stream, request_block("/slow/1000")) for stream in range(5, 5 + 2 * count, 2))


def malformed_requests(count: int) -> bytes:
    """Each lacks a pseudo-field, so that we must reset its stream."""
    return b"".join(frame(HEADERS, WHOLE, stream, b"\x82") for stream in range(5, 5 + 2 * count, 2))


FLOODS = {
    "ping": lambda count: frame(PING, payload=bytes(8)) * count,
    "settings": lambda count: frame(SETTINGS) * count,
    "priority": lambda count: frame(PRIORITY, 0, 3, bytes(5)) * count,
    "priority_update": lambda count: frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 3) + b"u=1") * count,
    "reset": requests_reset_at_once,
    "overrun_reset": windows_overrun,
    "malformed_reset": malformed_requests,
    "refused": too_many_streams,
    "unknown_type": lambda count: frame(0x77, 0, 0, bytes(20)) * count,
    "empty_data": lambda count: frame(HEADERS, OPEN, 5, request_block("/slow/1000")) + frame(DATA, 0, 5) * count,
    "window_update": lambda count: frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1)) * count,
    "continuation": lambda count: frame(HEADERS, END_STREAM, 5, request_block("/size/10"))
    + frame(CONTINUATION, 0, 5) * count,
}
# Name, the metric's kind, how many are a flood, how many are not.
CASES = [
    ("ping", "ping", 200, 90),
    ("settings", "settings", 100, 25),
    ("priority", "priority", 1000, 500),
    ("priority_update", "priority", 1000, 500),
    ("reset", "reset", 400, 250),
    ("overrun_reset", "fault", 120, 40),
    ("malformed_reset", "fault", 120, 40),
    ("refused", "fault", 300, 200),
    ("unknown_type", "empty_frame", 200, 90),
    ("empty_data", "empty_frame", 200, 90),
    ("window_update", "window_update", 4000, 2900),
    ("continuation", "continuation", 20, 7),
]


@pytest.mark.parametrize(("name", "kind", "many", "few"), CASES, ids=[case[0] for case in CASES])
def test_a_flood_is_told_to_calm_down_and_closed(node: EdgeNode, name: str, kind: str, many: int, few: int) -> None:
    metric = f'spillway_http2_floods_total{{kind="{kind}"}}'
    before = node.metric(metric)
    with Client(node.port, node.keys.ca) as client:
        client.send(FLOODS[name](many))
        frames = client.read_until_closed()
    away = [found for found in frames if found.type == GOAWAY]
    assert away and away[-1].error == ENHANCE_YOUR_CALM
    assert node.metric(metric) == before + 1
    assert few < many


@pytest.mark.parametrize(("name", "kind", "many", "few"), CASES, ids=[case[0] for case in CASES])
def test_less_than_a_flood_is_borne(node: EdgeNode, name: str, kind: str, many: int, few: int) -> None:
    metric = f'spillway_http2_floods_total{{kind="{kind}"}}'
    before = node.metric(metric)
    with Client(node.port, node.keys.ca) as client:
        client.send(FLOODS[name](few))
        if name == "continuation":
            client.send(frame(CONTINUATION, END_HEADERS, 5))
        if name == "refused":
            time.sleep(1.3)  # until the streams that were not refused have ended
        assert client.fetch("/size/1000/after", 4001) == (200, body(1000))
    assert node.metric(metric) == before


def test_a_head_that_unfolds_to_megabytes_closes_the_connection(node: EdgeNode) -> None:
    """One line of 4000 bytes enters the decoder's table; each byte that follows stands for it once more."""
    line = b"\x40\x01x\x7f" + bytes([(4000 - 127) & 127 | 128, (4000 - 127) >> 7]) + b"a" * 4000
    block = request_block("/size/10") + line + b"\xbe" * 10_000
    before = node.metric('spillway_http2_floods_total{kind="header_list"}')
    with Client(node.port, node.keys.ca) as client:
        client.send(frame(HEADERS, WHOLE, 1, block))
        frames = client.read_until_closed()
    assert frames[-1].type == GOAWAY and frames[-1].error == ENHANCE_YOUR_CALM
    assert node.metric('spillway_http2_floods_total{kind="header_list"}') == before + 1


def test_a_flood_that_is_not_read_is_closed_too(node: EdgeNode) -> None:
    """The client sends PINGs and reads no answer: the queue of answers must not grow."""
    before = node.resident_bytes()
    with Client(node.port, node.keys.ca, receive_buffer=4096) as client:
        while client.send(frame(PING, payload=bytes(8)) * 50):
            pass
    assert node.resident_bytes() < before + (8 << 20)


def test_as_many_continuations_as_are_configured_are_taken(work_folder: Path) -> None:
    """nghttp2 has a limit of its own, which must not be in the way."""
    origin = BodyOrigin()
    edge = EdgeNode(work_folder / "floods", "continuations-edge", origin.port, "{continuations: 40}")
    try:
        block = request_block("/size/1000")
        with Client(edge.port, edge.keys.ca) as client:
            client.send(frame(HEADERS, END_STREAM, 1, block[:1]))
            client.send(b"".join(frame(CONTINUATION, 0, 1, block[at : at + 1]) for at in range(1, 40)))
            client.send(frame(CONTINUATION, END_HEADERS, 1, block[40:]))
            assert client.finish(1) == (200, body(1000))
    finally:
        edge.stop()
        origin.close()
