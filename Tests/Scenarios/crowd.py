# SPDX-License-Identifier: Apache-2.0
"""Many clients that ask one edge for one path at once, and what each of them has seen."""

import asyncio
import hashlib
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from edge_node import EdgeNode
from h2_client import (
    ACK,
    CANCEL,
    DATA,
    END_STREAM,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Client,
    frame,
    settings,
    window_update,
)
from reply_origin import RESET

STREAMS = 25
"""HTTP/2 clients that share a connection."""
_WINDOW_MAX = 2**31 - 1
_WIDE_OPEN = PREFACE + settings((INITIAL_WINDOW_SIZE, _WINDOW_MAX)) + window_update(0, _WINDOW_MAX - 65_535)


@dataclass
class Seen:
    """One response, so far as it came. `status` is 0 without a head; `is_whole`: it has ended as its framing says."""

    status: int = 0
    fields: dict[str, str] = field(default_factory=dict)
    size: int = 0
    is_whole: bool = False
    # The code of RST_STREAM.
    reset: int | None = None
    head_seconds: float = 0
    seconds: float = 0
    _hash: "hashlib._Hash" = field(default_factory=hashlib.sha256)

    def take(self, piece: bytes) -> None:
        self.size += len(piece)
        self._hash.update(piece)

    def holds(self, body: bytes) -> bool:
        return self.size == len(body) and self.digest == hashlib.sha256(body).hexdigest()

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


class Crowd:
    """Clients with HTTP/1.1, each with its own connection, and with HTTP/2, 25 to a connection. They ask at once."""

    def __init__(
        self, node: EdgeNode, path: str, http1: int, http2: int = 0, seconds: float = 20, more: str = ""
    ) -> None:
        """`more` is a field line that those with HTTP/1.1 send."""
        assert http2 % STREAMS == 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._tasks: list[Future[Seen]] = [
            asyncio.run_coroutine_threadsafe(_ask(node.plain_port, path, seconds, more), self._loop) for _ in range(http1)
        ]
        self._pool = ThreadPoolExecutor(max(1, http2 // STREAMS))
        self._streams = [self._pool.submit(_ask_streams, node, path, seconds) for _ in range(http2 // STREAMS)]

    def leave(self, count: int) -> None:
        """So many of the clients with HTTP/1.1 reset their connections. A mere end of what they send says nothing: they
        may still read."""
        for task in self._tasks[:count]:
            task.cancel()
        self._tasks = self._tasks[count:]

    def seen(self) -> list[Seen]:
        """What those who have stayed have seen, once all have an answer."""
        answers = [task.result() for task in self._tasks]
        answers += [answer for streams in self._streams for answer in streams.result()]
        self._pool.shutdown()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        return answers


async def _ask(port: int, path: str, seconds: float, more: str) -> Seen:
    started = time.monotonic()
    seen = Seen()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        lines = ["host: edge", more] if more else ["host: edge"]
        writer.write("\r\n".join([f"GET {path} HTTP/1.1", *lines, "", ""]).encode())
        async with asyncio.timeout(seconds):
            await _read(reader, seen, started)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    except asyncio.CancelledError:
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        raise
    finally:
        writer.close()
    seen.seconds = time.monotonic() - started
    return seen


async def _read(reader: asyncio.StreamReader, seen: Seen, started: float) -> None:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").strip().split("\r\n")
    seen.head_seconds = time.monotonic() - started
    seen.status = int(first.split(" ")[1])
    seen.fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if "content-length" in seen.fields:
        await _read_bytes(reader, seen, int(seen.fields["content-length"]))
    else:
        assert seen.fields.get("transfer-encoding") == "chunked", seen.fields
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await _read_bytes(reader, seen, size)
            await reader.readexactly(2)
        await reader.readexactly(2)
    seen.is_whole = True


async def _read_bytes(reader: asyncio.StreamReader, seen: Seen, count: int) -> None:
    while count > 0:
        piece = await reader.read(min(count, 262_144))
        if not piece:
            raise ConnectionError
        seen.take(piece)
        count -= len(piece)


def _ask_streams(node: EdgeNode, path: str, seconds: float) -> list[Seen]:
    started = time.monotonic()
    seen = {2 * number + 1: Seen() for number in range(STREAMS)}
    waiting = set(seen)
    with Client(node.port, node.keys.ca, path, start=_WIDE_OPEN) as client:
        client.send(b"".join(client.headers(stream) for stream in seen))
        while waiting and (found := client.read(seconds)) is not None and found.type != GOAWAY:
            if found.type == SETTINGS and not found.flags & ACK:
                client.send(frame(SETTINGS, ACK, 0))
            if found.stream not in waiting:
                continue
            answer = seen[found.stream]
            if found.type == HEADERS:
                answer.fields = dict(client.decode(found.payload))
                answer.status = int(answer.fields[":status"])
                answer.head_seconds = time.monotonic() - started
            elif found.type == DATA:
                answer.take(found.payload)
            elif found.type == RST_STREAM:
                answer.reset = found.code
            answer.is_whole = found.type in (HEADERS, DATA) and bool(found.flags & END_STREAM)
            if answer.is_whole or found.type == RST_STREAM:
                answer.seconds = time.monotonic() - started
                waiting.discard(found.stream)
    return list(seen.values())


class Single:
    """One client that has asked for a path with HTTP/1.1 or HTTP/2, reads only what it is told to, and can leave."""

    def __init__(self, node: EdgeNode, path: str, version: int = 1, receive_buffer: int = 0) -> None:
        self._client = Client(node.port, node.keys.ca, path, start=_WIDE_OPEN) if version == 2 else None
        if self._client:
            self._client.send(self._client.headers())
            return
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(10)
        self._socket.connect(("127.0.0.1", node.plain_port))
        self._socket.sendall(f"GET {path} HTTP/1.1\r\nhost: edge\r\n\r\n".encode())

    def read_status(self) -> int:
        if self._client:
            return self._client.status()
        return int(self._socket.recv(100).split(b" ")[1])

    def read(self, count: int) -> int:
        """With HTTP/1.1: how many bytes have come, `count` at most."""
        return len(self._socket.recv(count))

    def leave(self) -> None:
        """Resets the stream, or the connection."""
        if self._client:
            self._client.send(frame(RST_STREAM, 0, 1, CANCEL.to_bytes(4, "big")))
            return
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self._socket.close()


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    """Returns once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)
