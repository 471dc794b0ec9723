# SPDX-License-Identifier: Apache-2.0
"""RFC 9218: which of several responses on one connection goes first. The connection's window is opened bit by bit, so
that it is the server that decides what to do with it."""

import struct
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin
from curl import fetch
from edge_node import EdgeNode
from frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PRIORITY_UPDATE,
    SETTINGS,
    WINDOW_UPDATE,
    Client,
    frame,
    literal,
    request_block,
)

FIRST_WINDOW = 65_535
LARGE_STREAMS = struct.pack(">HI", 4, 100_000_000)
MEDIA = "/size/400000/"
LONG_MEDIA = "/size/16000000/media"
NO_RFC7540_PRIORITIES = 9
IN_FLIGHT_MAX = 1_500_000


@pytest.fixture(scope="module")
def node(work_folder: Path) -> Iterator[EdgeNode]:
    """An edge that has all objects of these tests in its cache."""
    origin = BodyOrigin()
    edge = EdgeNode(work_folder / "priorities", "priorities-edge", origin.port)
    for path in (LONG_MEDIA, MEDIA + "a", MEDIA + "b", "/size/3000/init.mp4", "/size/3000/small"):
        assert fetch(edge.secure(path), ca=edge.keys.ca).status == 200
    yield edge
    assert edge.stop() == 0
    origin.close()


@pytest.fixture
def client(node: EdgeNode) -> Iterator[Client]:
    """A connection whose streams have all the room they want, and whose socket has little."""
    with Client(node.port, node.keys.ca, settings=LARGE_STREAMS, receive_buffer=128 << 10) as connected:
        yield connected


def ask(client: Client, stream: int, path: str, priority: str = "") -> None:
    extra = literal(b"priority", priority.encode()) if priority else b""
    assert client.send(frame(HEADERS, END_STREAM | END_HEADERS, stream, request_block(path, extra=extra)))


def read_data(client: Client, count: int) -> list[tuple[int, int, bool]]:
    """The next `count` bytes of DATA: stream, bytes, whether the stream ends."""
    found: list[tuple[int, int, bool]] = []
    while count > 0:
        got = client.read_frame()
        assert got, "the connection has ended"
        if got.type == DATA:
            found.append((got.stream, len(got.payload), bool(got.flags & END_STREAM)))
            count -= len(got.payload)
    assert count == 0
    return found


def open_window(client: Client, count: int) -> list[tuple[int, int, bool]]:
    assert client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", count)))
    return read_data(client, count)


def test_the_server_says_that_it_follows_rfc_9218(client: Client) -> None:
    while (got := client.read_frame()) and got.type != SETTINGS:
        pass
    assert got
    settings = dict(struct.iter_unpack(">HI", got.payload))
    assert settings[NO_RFC7540_PRIORITIES] == 1


def test_an_init_segment_overtakes_media_that_is_being_sent(client: Client) -> None:
    ask(client, 1, MEDIA + "a")
    read_data(client, FIRST_WINDOW)
    ask(client, 3, "/size/3000/init.mp4")
    assert open_window(client, 3000) == [(3, 3000, True)]


def test_what_is_not_urgent_waits_for_its_turn(client: Client) -> None:
    ask(client, 1, MEDIA + "a")
    read_data(client, FIRST_WINDOW)
    ask(client, 3, "/size/3000/small")
    assert {stream for stream, _, _ in open_window(client, 50_000)} == {1}


def test_the_clients_urgency_decides_between_media(client: Client) -> None:
    ask(client, 1, MEDIA + "a", "u=5")
    read_data(client, FIRST_WINDOW)
    ask(client, 3, MEDIA + "b", "u=2")
    assert {stream for stream, _, _ in open_window(client, 100_000)} == {3}


def test_a_priority_update_moves_a_stream_to_the_front(client: Client) -> None:
    ask(client, 1, MEDIA + "a", "u=3")
    ask(client, 3, MEDIA + "b", "u=5")
    assert {stream for stream, _, _ in read_data(client, FIRST_WINDOW)} == {1}
    client.send(frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 3) + b"u=1"))
    assert {stream for stream, _, _ in open_window(client, 50_000)} == {3}


@pytest.mark.parametrize("priority, streams", [("u=3, i", {1, 3}), ("u=3", {1})])
def test_incremental_streams_share_and_others_go_one_after_the_other(
    client: Client, priority: str, streams: set[int]
) -> None:
    ask(client, 1, MEDIA + "a", priority)
    ask(client, 3, MEDIA + "b", priority)
    read_data(client, FIRST_WINDOW)
    share: Counter[int] = Counter()
    for stream, count, _ in open_window(client, 200_000):
        share[stream] += count
    assert set(share) == streams
    if len(streams) == 2:
        assert min(share.values()) > 80_000


def test_an_urgent_response_does_not_wait_behind_megabytes_in_the_kernel(client: Client) -> None:
    """The client reads nothing while media fills every buffer on the way, and then asks for something urgent."""
    client.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 100_000_000)))
    ask(client, 1, LONG_MEDIA)
    time.sleep(0.5)
    ask(client, 3, "/size/3000/init.mp4")
    time.sleep(0.2)
    before = 0
    while (got := client.read_frame()) and got.stream != 3:
        before += len(got.payload)
    assert got and got.type == HEADERS
    # The client's receive buffer and what TCP has sent into it come first, whatever the server does; the kernel's own
    # choice for the rest would be several megabytes more.
    assert 100_000 < before < IN_FLIGHT_MAX, before
