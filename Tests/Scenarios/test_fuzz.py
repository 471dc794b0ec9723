# SPDX-License-Identifier: Apache-2.0
"""Damaged conversations with the real program, over HTTP/1.1 and HTTP/2: it answers or closes, lives on, and keeps
nothing. FUZZ_SEED and FUZZ_ITERATIONS run it longer; a failure names the seed."""

import os
import random
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from edge_node import EdgeNode
from frames import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PRIORITY_UPDATE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Client,
    frame,
    request_block,
    trusting_context,
)

SEED = int(os.environ.get("FUZZ_SEED", "20260"))
ITERATIONS = int(os.environ.get("FUZZ_ITERATIONS", "0")) or 300
WHOLE = END_HEADERS | END_STREAM
HTTP1_CORPUS = [
    b"GET /size/1000 HTTP/1.1\r\nhost: edge\r\n\r\n",
    b"GET /size/1000 HTTP/1.1\r\nhost: edge\r\nrange: bytes=10-99\r\nif-range: \"a\"\r\n\r\n" * 2,
    b"HEAD /size/70000 HTTP/1.1\r\nhost: edge\r\ncookie: a=b\r\ncookie: hdnts=exp=1~acl=/*~hmac=00\r\n\r\n",
    b"POST /size/10 HTTP/1.1\r\nhost: edge\r\ncontent-length: 5\r\n\r\nhelloGET /size/10 HTTP/1.1\r\nhost: edge\r\n\r\n",
    b"PUT /size/10 HTTP/1.1\r\nhost: edge\r\ntransfer-encoding: chunked\r\nexpect: 100-continue\r\n\r\n"
    b"5;a=b\r\nhello\r\n0\r\nx: y\r\n\r\nGET /size/10 HTTP/1.1\r\nhost: edge\r\n\r\n",
    b"GET http://edge/size/10?hdnts=exp=1~hmac=00&a=b HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
]
HTTP2_CORPUS = [
    [frame(HEADERS, WHOLE, 1, request_block("/size/1000")), frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1000))],
    [
        frame(HEADERS, END_STREAM, 1, request_block("/size/70000")[:20]),
        frame(CONTINUATION, END_HEADERS, 1, request_block("/size/70000")[20:]),
        frame(PING, 0, 0, b"12345678"),
        frame(SETTINGS, ACK),
    ],
    [
        frame(HEADERS, END_HEADERS, 1, request_block("/size/10", "POST")),
        frame(DATA, 0, 1, b"content"),
        frame(DATA, 8, 1, b"\x03padded...") + frame(DATA, END_STREAM, 1),
        frame(HEADERS, WHOLE | 0x20, 3, bytes(5) + request_block("/size/300000")),
        frame(PRIORITY_UPDATE, 0, 0, struct.pack(">I", 3) + b"u=1, i"),
        frame(RST_STREAM, 0, 3, struct.pack(">I", 8)),
    ],
    [
        frame(SETTINGS, 0, 0, struct.pack(">HIHIHI", 4, 100, 1, 0, 5, 16_384)),
        frame(HEADERS, WHOLE, 1, request_block("/size/1000", extra=b"\x40\x01a\x01b\xbe\xbe")),
        frame(PRIORITY, 0, 1, bytes(5)),
        frame(WINDOW_UPDATE, 0, 1, struct.pack(">I", 0x7FFF_0000)),
        frame(GOAWAY, 0, 0, bytes(8)),
        frame(0x77, 0xFF, 0x7FFF_FFFF, b"unknown"),
    ],
]


@pytest.fixture(scope="module")
def node(work_folder: Path) -> Iterator[EdgeNode]:
    origin = BodyOrigin()
    edge = EdgeNode(work_folder / "fuzz", "fuzz-edge", origin.port)
    yield edge
    edge.program.require_running()
    assert edge.stop() == 0
    origin.close()


def damaged(data: bytes, chance: random.Random) -> bytes:
    """A few bytes replaced, removed, inserted, repeated or cut off; or nothing at all."""
    result = bytearray(data)
    for _ in range(chance.choice([0, 1, 1, 1, 2, 4, 8])):
        if not result:
            break
        at = chance.randrange(len(result))
        match chance.randrange(7):
            case 0:
                result[at] = chance.randrange(256)
            case 1:
                result[at] ^= 1 << chance.randrange(8)
            case 2:
                del result[at : at + chance.choice([1, 1, 3, 9])]
            case 3:
                result[at:at] = bytes([chance.choice(b"\r\n \t:;,/%\x00\xff0")])
            case 4:
                result[at:at] = result[at : at + chance.randrange(1, 40)] * chance.choice([1, 1, 2, 30])
            case 5:
                result[at : at + 4] = struct.pack(">I", chance.choice([0, 1, 255, 0x7FFF_FFFF, 0xFFFF_FFFF, 16_385]))
            case _:
                if chance.randrange(4) == 0:
                    del result[at:]
    return bytes(result)


def converse(connection: socket.socket, data: bytes, chance: random.Random) -> None:
    """Sends in pieces, reads what there is, and leaves in one of several ways."""
    connection.settimeout(0.02 if chance.randrange(8) else 0.2)
    try:
        position = 0
        while position < len(data):
            count = chance.choice([1, 7, 50, 1000, len(data)])
            connection.sendall(data[position : position + count])
            position += count
        if chance.randrange(3) == 0:
            connection.shutdown(socket.SHUT_WR)
        while connection.recv(65_536):
            pass
    except (OSError, ssl.SSLError):
        pass


def fuzz(node: EdgeNode, seed: int, make: str) -> None:
    chance = random.Random(seed)
    h1, h2 = (trusting_context(node.keys.ca, name) for name in ("http/1.1", "h2"))
    for number in range(ITERATIONS // (4 if make == "tls" else 1)):
        with socket.create_connection(("127.0.0.1", node.port if make != "http1" else node.plain_port)) as raw:
            if make == "http1":
                converse(raw, damaged(b"".join(chance.choices(HTTP1_CORPUS, k=chance.choice([1, 2]))), chance), chance)
            elif make == "http2":
                chosen = [damaged(each, chance) for each in chance.choice(HTTP2_CORPUS)]
                if chance.randrange(4) == 0:
                    chance.shuffle(chosen)
                opening = damaged(PREFACE + frame(SETTINGS), chance) if number % 20 == 0 else PREFACE + frame(SETTINGS)
                with h2.wrap_socket(raw, server_hostname="127.0.0.1") as secure:
                    converse(secure, opening + b"".join(chosen), chance)
            else:
                # What TLS itself is made of, damaged: the first flight of a client.
                incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
                hello = h1.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
                try:
                    hello.do_handshake()
                except ssl.SSLWantReadError:
                    pass
                converse(raw, damaged(outgoing.read(), chance), chance)
        if number % 50 == 49:
            node.program.require_running()
    with Client(node.port, node.keys.ca) as client:
        assert client.fetch("/size/70000", 1) == (200, body(70_000))


@pytest.mark.parametrize("make", ["http1", "http2", "tls"])
def test_damaged_conversations(node: EdgeNode, make: str) -> None:
    try:
        fuzz(node, SEED, make)
    except Exception as error:
        raise AssertionError(f"FUZZ_SEED={SEED} FUZZ_ITERATIONS={ITERATIONS}: {error}") from error
    # Clients have left: nothing of them stays but what lingers for a moment.
    for _ in range(60):
        if node.metric("spillway_connections_open") == 0:
            return
        time.sleep(0.1)
    pytest.fail(f"connections are left over (FUZZ_SEED={SEED})")
