# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 as RFC 9113 wants it, frame by frame: every case is a connection of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from content_origin import FOREVER, Content, ContentOrigin
from edge_node import EdgeNode
from h2_cases import (
    DEFINITION_CASES,
    FRAME_CASES,
    PREFACE_CASES,
    STOPPED,
    STREAM_CASES,
    Alive,
    Case,
    Connection,
    Status,
    Stream,
)
from h2_client import (
    CANCEL,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PING,
    PREFACE,
    REFUSED_STREAM,
    RST_STREAM,
    SETTINGS,
    Client,
    frame,
    settings,
    window_update,
)
from h2_message_cases import FIELD_CASES, HPACK_CASES, MESSAGE_CASES, PSEUDO_CASES

CASES = [
    *PREFACE_CASES, *FRAME_CASES, *STREAM_CASES, *DEFINITION_CASES,
    *FIELD_CASES, *PSEUDO_CASES, *MESSAGE_CASES, *HPACK_CASES,
]  # fmt: skip
BODY = bytes(range(256)) * 800


@dataclass(frozen=True)
class Edge:
    port: int
    ca: Path | None

    def open(self, start: bytes | None = None) -> Client:
        return Client(self.port, self.ca, "/body", start=start)


@pytest.fixture(scope="module")
def node(work_folder: Path) -> Iterator[EdgeNode]:
    folder = work_folder / "h2"
    folder.mkdir()
    origin = ContentOrigin({"/body": Content(BODY, {**FOREVER, "ETag": '"b"'})})
    node = EdgeNode(folder, "h2", origin.port)
    yield node
    node.program.require_running()
    node.stop()
    origin.close()


@pytest.fixture(scope="module", params=["tls", "cleartext"])
def edge(node: EdgeNode, request: pytest.FixtureRequest) -> Edge:
    """The edge, with one large object in its cache."""
    edge = Edge(node.port, node.keys.ca) if request.param == "tls" else Edge(node.plain_port, None)
    with edge.open() as client:
        client.send(window_update(0, 1 << 20) + settings((INITIAL_WINDOW_SIZE, 1 << 20)) + client.headers())
        assert (client.status(), client.body()) == (200, BODY)
    return edge


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_conformance(edge: Edge, case: Case) -> None:
    with edge.open(case.start) as client:
        client.send(case.send(client))
        match case.expected:
            case Connection(codes):
                assert_connection_error(client, codes)
            case Stream(codes, stream):
                assert client.wait_for(RST_STREAM, stream).code in codes
                client.assert_alive()
            case Status(status, stream):
                assert client.status(stream) == status
                client.assert_alive()
            case Alive():
                client.assert_alive()


def assert_connection_error(client: Client, codes: tuple[int | None, ...]) -> None:
    """GOAWAY with one of the codes, then the end of the connection."""
    seen: list[str] = []
    code = None
    while (found := client.read()) is not None:
        seen.append(f"{found.type} on {found.stream}")
        if found.type == GOAWAY:
            code = found.code
    assert code in codes, f"GOAWAY with {code}; frames: {seen}"


def test_the_servers_preface_is_settings(edge: Edge) -> None:
    with edge.open() as client:
        first = client.read()
        assert first and (first.type, first.flags, first.stream) == (SETTINGS, 0, 0)
        assert len(first.payload) % 6 == 0


def test_settings_are_acknowledged(edge: Edge) -> None:
    with edge.open() as client:
        client.wait_for(SETTINGS, ack=True)
        client.send(settings((0xFF, 1), (INITIAL_WINDOW_SIZE, 5)))
        client.wait_for(SETTINGS, ack=True)


def test_the_last_value_of_a_setting_counts(edge: Edge) -> None:
    with edge.open() as client:
        client.send(settings((INITIAL_WINDOW_SIZE, 100), (INITIAL_WINDOW_SIZE, 1)) + client.headers())
        assert len(client.wait_for(DATA, 1).payload) == 1


def test_one_byte_at_a_time(edge: Edge) -> None:
    """6.9.1: no byte beyond the window, and the rest when it opens."""
    with edge.open(PREFACE + settings((INITIAL_WINDOW_SIZE, 1))) as client:
        client.send(client.headers())
        assert client.status() == 200
        for index in range(20):
            data = client.wait_for(DATA, 1)
            assert data.payload == BODY[index : index + 1]
            client.send(window_update(1, 1))


def test_settings_open_the_windows_of_streams(edge: Edge) -> None:
    """6.9.2: a new initial window counts for streams that are open."""
    with edge.open(STOPPED) as client:
        client.send(client.headers())
        assert client.status() == 200
        client.assert_alive()
        client.send(settings((INITIAL_WINDOW_SIZE, 7)))
        assert client.wait_for(DATA, 1).payload == BODY[:7]


def test_a_window_may_become_negative(edge: Edge) -> None:
    """6.9.2: 10 bytes were sent of a window that is 4 now: it is at -6, and 5 more leave it closed."""
    with edge.open(PREFACE + settings((INITIAL_WINDOW_SIZE, 10))) as client:
        client.send(client.headers())
        assert client.wait_for(DATA, 1).payload == BODY[:10]
        client.send(settings((INITIAL_WINDOW_SIZE, 4)) + window_update(1, 5) + frame(PING, 0, 0, bytes(8)))
        while (found := client.read()) and found.type != PING:
            assert found.type != DATA, "sent into a closed window"
        client.send(window_update(1, 3))
        assert client.wait_for(DATA, 1).payload == BODY[10:12]


def test_the_connections_window_holds_for_all_streams(edge: Edge) -> None:
    with edge.open(PREFACE + settings((INITIAL_WINDOW_SIZE, 1 << 20))) as client:
        client.send(client.headers(1) + client.headers(3) + frame(PING, 0, 0, bytes(8)))
        got = 0
        while got < 65_535:
            got += len(client.wait_for(DATA).payload)
        assert got == 65_535
        client.assert_alive()
        client.send(window_update(0, 2 * len(BODY)))
        while got < 2 * len(BODY):
            got += len(client.wait_for(DATA).payload)
        assert got == 2 * len(BODY)


def test_streams_beyond_the_limit_are_refused(edge: Edge) -> None:
    """5.1.2: before the client has acknowledged the limit; the others go on."""
    with edge.open(STOPPED) as client:
        allowed = dict(_settings_of(client))[3]
        for index in range(allowed + 1):
            client.send(client.headers(2 * index + 1))
        assert client.wait_for(RST_STREAM).code == REFUSED_STREAM
        client.send(settings((INITIAL_WINDOW_SIZE, 3)))
        assert client.wait_for(DATA, 1).payload == BODY[:3]


def test_a_client_that_knows_the_limit_of_streams_must_keep_it(edge: Edge) -> None:
    with edge.open(STOPPED) as client:
        allowed = dict(_settings_of(client))[3]
        client.send(frame(SETTINGS, 1, 0))
        for index in range(allowed + 1):
            client.send(client.headers(2 * index + 1))
        assert_connection_error(client, (1,))


def test_a_reset_ends_only_its_stream(edge: Edge) -> None:
    with edge.open(STOPPED) as client:
        client.send(client.headers(1) + client.headers(3) + frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
        client.send(settings((INITIAL_WINDOW_SIZE, 3)))
        assert client.wait_for(DATA).stream == 3


def test_head_has_the_fields_of_get_and_no_body(edge: Edge) -> None:
    with edge.open() as client:
        client.send(client.headers(fields=client.request("HEAD")))
        head = client.wait_for(HEADERS, 1)
        assert head.flags & END_STREAM
        client.send(client.headers(3))
        get = client.wait_for(HEADERS, 3)
        assert not get.flags & END_STREAM
        assert fields_of(client, head.payload) == fields_of(client, get.payload)


def test_content_does_not_use_up_the_connections_window(edge: Edge) -> None:
    """More content than a window holds, over many streams: it is dropped, and the window opened again."""
    with edge.open() as client:
        for stream in range(1, 41, 2):
            client.send(client.headers(stream, client.request("POST"), END_HEADERS))
            client.send(frame(DATA, 0, stream, bytes(10_000)) + frame(DATA, END_STREAM, stream, b"x"))
            assert client.status(stream) == 405
        client.assert_alive()


def test_a_connection_goes_on_after_goaway_from_the_client(edge: Edge) -> None:
    """6.8: what was asked before is answered."""
    with edge.open(PREFACE + settings((INITIAL_WINDOW_SIZE, 1 << 20))) as client:
        client.send(client.headers() + frame(GOAWAY, 0, 0, bytes(8)) + window_update(0, 1 << 20))
        assert client.body() == BODY


def fields_of(client: Client, payload: bytes) -> dict[str, str]:
    fields = dict(client.decode(payload))
    # These may differ by a second.
    fields.pop("age", None)
    return fields


def _settings_of(client: Client) -> list[tuple[int, int]]:
    payload = client.wait_for(SETTINGS).payload
    return [
        (int.from_bytes(payload[at : at + 2], "big"), int.from_bytes(payload[at + 2 : at + 6], "big"))
        for at in range(0, len(payload), 6)
    ]
