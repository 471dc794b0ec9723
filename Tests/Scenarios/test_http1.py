# SPDX-License-Identifier: Apache-2.0
"""HTTP/1.1 byte by byte (RFC 9112): what requests are smuggled with, connections that stay, and answers that arrive."""

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from content_origin import FOREVER, Content, ContentOrigin
from edge_node import EdgeNode

LINGER_SECONDS = 0.5
BODY = b"the body of /a"
GET = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
LAST = b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SMUGGLED = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


class Node:
    def __init__(self, folder: Path) -> None:
        self.origin = ContentOrigin({"/a": Content(BODY, {**FOREVER, "ETag": '"a"'})})
        limits = f"{{lingerTimeoutMilliseconds: {int(LINGER_SECONDS * 1000)}, headerTimeoutMilliseconds: 2000}}"
        self.edge = EdgeNode(folder, "http1", self.origin.port, limits=limits)

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.edge.plain_port), timeout=10)

    def talk(self, *pieces: bytes, pause: float = 0.05) -> bytes:
        """Sends the pieces one after the other; all that comes until the server closes."""
        with self.connect() as link:
            for index, piece in enumerate(pieces):
                if index:
                    time.sleep(pause)
                link.sendall(piece)
            return read_all(link)


@pytest.fixture(scope="module")
def node(work_folder: Path) -> Iterator[Node]:
    folder = work_folder / "http1"
    folder.mkdir()
    node = Node(folder)
    assert statuses(node.talk(GET + LAST)) == [200, 200]
    yield node
    assert not node.origin.asked["/smuggled"], "a request was smuggled"
    node.edge.program.require_running()
    node.edge.stop()
    node.origin.close()


def read_all(link: socket.socket) -> bytes:
    whole = b""
    while piece := link.recv(65_536):
        whole += piece
    return whole


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


@pytest.mark.parametrize(
    "field",
    [
        b"Content-Length: 5\r\nContent-Length: 6", b"Content-Length: 5\r\nContent-Length: 5", b"Content-Length: 5, 5",
        b"Content-Length: 5\r\nTransfer-Encoding: chunked", b"Transfer-Encoding: chunked\r\nContent-Length: 5",
        b"Transfer-Encoding: xchunked", b"Transfer-Encoding: chunked, chunked", b"Transfer-Encoding: identity",
        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", b"Transfer-Encoding : chunked",
        b"Transfer-Encoding:\x0bchunked", b"Transfer-Encoding: \x00chunked", b"Transfer-Encoding\t: chunked",
        b" Transfer-Encoding: chunked", b"X: a\r\n Transfer-Encoding: chunked", b"X: a\nTransfer-Encoding: chunked",
        b"X: a\rTransfer-Encoding: chunked", b"Content-Length: +5", b"Content-Length: 5 5", b"Content-Length: 0x5",
        b"Content-Length: -5", b"Content-Length: ", b"Content-Length: 18446744073709551621", b"Host: y", b"X\x00: a",
        b"X: a\x00b", b"X", b": a",
    ],
)  # fmt: skip
def test_what_requests_are_smuggled_with(node: Node, field: bytes) -> None:
    """400, and nothing that follows is a request."""
    answer = node.talk(b"POST /a HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n0\r\n\r\n" + SMUGGLED)
    assert statuses(answer) == [400]
    assert b"connection: close" in answer and b"\r\ndate: " in answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /a HTTP/1.1\r\n\r\n", 400), (b"GET /a HTTP/1.1\r\nHost:\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: a b\r\n\r\n", 400), (b"GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
        (b"GET /a HTTP/2.0\r\nHost: x\r\n\r\n", 505), (b"GET /a HTTP/1.1x\r\nHost: x\r\n\r\n", 400),
        (b"GET /a\r\n\r\n", 400), (b"GET  /a HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET /a HTTP/1.1\nHost: x\n\n", 400),
        (b"GET a HTTP/1.1\r\nHost: x\r\n\r\n", 400), (b"GET http://u@x/a HTTP/1.1\r\nHost: x\r\n\r\n", 400),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nExpect: tea\r\n\r\n", 417),
        (b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /a HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    ],
)  # fmt: skip
def test_refused_heads(node: Node, head: bytes, status: int) -> None:
    assert statuses(node.talk(head + SMUGGLED)) == [status]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET http://other.example/a HTTP/1.1", 200), (b"GET HTTPS://other.example:443/a HTTP/1.1", 200),
        (b"GET /a HTTP/1.2", 200), (b"OPTIONS * HTTP/1.1", 204), (b"OPTIONS http://x HTTP/1.1", 204),
        (b"POST /a HTTP/1.1", 405), (b"TRACE /a HTTP/1.1", 405), (b"BREW /a HTTP/1.1", 501), (b"get /a HTTP/1.1", 501),
    ],
)  # fmt: skip
def test_request_lines_and_the_connection_stays(node: Node, line: bytes, status: int) -> None:
    answer = node.talk(line + b"\r\nhOsT: x\r\n\r\n" + LAST)
    assert statuses(answer) == [status, 200]
    assert answer.endswith(BODY)
    if status == 405:
        assert b"\r\nallow: GET, HEAD, OPTIONS\r\n" in answer


def test_connect_is_refused_and_ends_the_connection(node: Node) -> None:
    assert statuses(node.talk(b"CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n" + SMUGGLED)) == [405]


def test_one_empty_line_before_a_request_is_tolerated(node: Node) -> None:
    assert statuses(node.talk(b"\r\n" + GET + b"\r\n" + LAST)) == [200, 200]
    assert statuses(node.talk(b"\r\n\r\n" + GET)) == [400]
    assert statuses(node.talk(b"\n" + GET)) == [400]


def test_any_split_gives_the_same_answers(node: Node) -> None:
    chunks = b"POST /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nT: y\r\n\r\n"
    whole = b"\r\n" + chunks + LAST
    for cut in range(1, len(whole), 3):
        assert statuses(node.talk(whole[:cut], whole[cut:], pause=0.005)) == [405, 200]
    pieces = [bytes([byte]) for byte in whole]
    assert statuses(node.talk(*pieces, pause=0.001)) == [405, 200]


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Length: %d\r\n\r\n%b" % (len(SMUGGLED), SMUGGLED),
        b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED),
        b"Content-Length: 60000\r\n\r\n" + b"c" * 60_000,
    ],
    ids=["length", "chunks", "long"],
)
@pytest.mark.parametrize(("method", "status"), [(b"POST", 405), (b"GET", 200)])
def test_content_is_read_and_dropped(node: Node, content: bytes, method: bytes, status: int) -> None:
    assert statuses(node.talk(method + b" /a HTTP/1.1\r\nHost: x\r\n" + content + LAST)) == [status, 200]


@pytest.mark.parametrize(
    "content",
    [
        b"Content-Length: 100000000\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffffff\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n5 5\r\n", b"Transfer-Encoding: chunked\r\n\r\n1\nx\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n0\r\nT: a\nb\r\n\r\n", b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    ],
)  # fmt: skip
def test_content_that_is_not_read_to_its_end_ends_the_connection(node: Node, content: bytes) -> None:
    """The answer arrives whole although much more is on its way: nothing is reset under it."""
    with node.connect() as link:
        link.sendall(b"POST /a HTTP/1.1\r\nHost: x\r\n" + content)
        for _ in range(10):
            link.sendall(SMUGGLED * 400)
        answer = read_all(link)
    assert statuses(answer) == [405]
    assert answer.endswith(b"allowed here.\n")


@pytest.mark.parametrize(
    ("fields", "stays"),
    [
        (b"Connection: close", False), (b"Connection: x, Close", False), (b"Connection: x\r\nConnection: close", False),
        (b"Connection: closed", True), (b"Connection: keep-alive", True),
    ],
)  # fmt: skip
def test_connection_is_a_list(node: Node, fields: bytes, stays: bool) -> None:
    answer = node.talk(b"GET /a HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n\r\n" + LAST)
    assert statuses(answer) == ([200, 200] if stays else [200])


def test_old_clients(node: Node) -> None:
    kept = node.talk(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" + b"GET /a HTTP/1.0\r\n\r\n")
    assert statuses(kept) == [200, 200]
    assert kept.count(b"connection: keep-alive") == 1 and kept.count(b"connection: close") == 1
    assert statuses(node.talk(b"GET /a HTTP/1.0\r\n\r\n" + GET)) == [200]


def test_several_lines_of_a_list_are_one(node: Node) -> None:
    fields = b'IF-NONE-MATCH: "x"\r\nX: y\r\nif-none-match: "a"\r\nCookie: a=b\r\nCookie: c=d\r\n'
    assert statuses(node.talk(b"GET /a HTTP/1.1\r\nHost: x\r\n" + fields + b"Connection: close\r\n\r\n")) == [304]


def test_head_has_no_body_and_requests_follow(node: Node) -> None:
    answer = node.talk(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + LAST)
    assert statuses(answer) == [200] * 4
    assert answer.count(BODY) == 1 and answer.count(b"content-length: %d" % len(BODY)) == 4


def test_a_client_that_does_not_close_is_not_waited_for(node: Node) -> None:
    with node.connect() as link:
        link.sendall(b"nonsense\r\n\r\n")
        answer = read_all(link)
        assert statuses(answer) == [400]
        started = time.monotonic()
        while node.edge.metric("spillway_connections_open") and time.monotonic() - started < 5:
            time.sleep(0.05)
        assert time.monotonic() - started < LINGER_SECONDS + 3


def test_a_head_that_does_not_end_is_given_up(node: Node) -> None:
    started = time.monotonic()
    assert node.talk(b"GET /a HTTP/1.1\r\nHos") == b""
    assert 1.5 < time.monotonic() - started < 6


def test_many_requests_in_one_write(node: Node) -> None:
    answer = node.talk(GET * 500 + LAST)
    assert statuses(answer) == [200] * 501
    assert answer.count(BODY) == 501
