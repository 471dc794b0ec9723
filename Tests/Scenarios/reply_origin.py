# SPDX-License-Identifier: Apache-2.0
"""An upstream that answers as a scenario tells it, request by request, and remembers what it was asked."""

import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Asked:
    """One request."""

    method: str
    path: str
    # Names in lower case; the lines of one name are joined by ", ".
    fields: dict[str, str]
    body: bytes
    at: float


@dataclass
class Reply:
    """What to answer. Fields that are not given are not sent, but for the length."""

    status: int = 200
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b"hello"
    # Seconds before the head, and between the pieces of the body.
    delay: float = 0
    piece_delay: float = 0
    piece: int = 65_536
    # The head or the body waits for these.
    head_gate: threading.Event | None = None
    body_gate: threading.Event | None = None
    # Bytes after which the connection is reset; `drops`: instead of an answer.
    reset_after: int | None = None
    drops: bool = False
    # What Content-Length says instead of the truth; "chunked" for chunks.
    length: int | str | None = None
    # Statuses and fields of the interim responses before it.
    interims: list[tuple[int, list[tuple[str, str]]]] = field(default_factory=list)


Answer = Reply | Callable[[Asked], Reply]


def fresh(seconds: int = 600, **more: object) -> Reply:
    """A reply that may be stored for so long; `more` are further parts of it."""
    fields = [("cache-control", f"max-age={seconds}"), *more.pop("fields", [])]  # type: ignore[misc]
    return Reply(fields=fields, **more)  # type: ignore[arg-type]


class ReplyOrigin:
    """Serves `replies` by path on a free port of 127.0.0.1. Of a list each request takes the next; the last one stays."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port: int = self._listener.getsockname()[1]
        self.replies: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        # Paths of answers that the other side has cut off.
        self.cut_off: list[str] = []
        self._lock = threading.Lock()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Wakes the thread before the descriptor is given up: it must never accept on another socket of that number."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def at(self, path: str) -> list[Asked]:
        """What was asked of a path."""
        with self._lock:
            return [asked for asked in self.asked if asked.path == path]

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        rest = b""
        asked: Asked | None = None
        with connection:
            try:
                while True:
                    asked, rest = self._read(connection, rest)
                    if asked is None or not self._send(connection, asked, self._next(asked)):
                        return
                    asked = None
            except (OSError, ValueError):
                if asked:
                    self.cut_off.append(asked.path)

    def _next(self, asked: Asked) -> Reply:
        with self._lock:
            self.asked.append(asked)
            queue = self.replies.get(asked.path, [Reply(404, body=b"not here")])
            answer = queue.pop(0) if len(queue) > 1 else queue[0]
        return answer if isinstance(answer, Reply) else answer(asked)

    @staticmethod
    def _read(connection: socket.socket, rest: bytes) -> tuple[Asked | None, bytes]:
        while b"\r\n\r\n" not in rest:
            piece = connection.recv(65_536)
            if not piece:
                return None, b""
            rest += piece
        head, rest = rest.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ")
        fields: dict[str, str] = {}
        for name, value in (line.split(":", 1) for line in lines):
            name = name.lower()
            fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
        length = int(fields.get("content-length", "0"))
        while len(rest) < length:
            rest += connection.recv(65_536)
        return Asked(method, path, fields, rest[:length], time.monotonic()), rest[length:]

    @staticmethod
    def _send(connection: socket.socket, asked: Asked, reply: Reply) -> bool:
        """False when the connection is over."""
        time.sleep(reply.delay)
        if reply.head_gate:
            reply.head_gate.wait(30)
        if reply.drops:
            return False
        for status, fields in reply.interims:
            lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
            connection.sendall(f"HTTP/1.1 {status} X\r\n{lines}\r\n".encode("latin-1"))
        is_bodiless = asked.method == "HEAD" or reply.status in (204, 304)
        length = reply.length if reply.length is not None else len(reply.body)
        framing = "transfer-encoding: chunked\r\n" if length == "chunked" else f"content-length: {length}\r\n"
        if reply.status in (204, 304):
            framing = ""
        lines = "".join(f"{name}: {value}\r\n" for name, value in reply.fields)
        connection.sendall(f"HTTP/1.1 {reply.status} X\r\n{lines}{framing}\r\n".encode("latin-1"))
        if is_bodiless:
            return True
        body = reply.body if reply.reset_after is None else reply.body[: reply.reset_after]
        for start in range(0, len(body), reply.piece):
            if start > 0 and reply.body_gate:
                reply.body_gate.wait(30)
            if start > 0:
                time.sleep(reply.piece_delay)
            piece = body[start : start + reply.piece]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if length == "chunked" else piece)
        if reply.reset_after is not None:
            time.sleep(0.2)  # the bytes must arrive before the reset discards them
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            return False
        if length == "chunked":
            connection.sendall(b"0\r\n\r\n")
        return length in ("chunked", len(reply.body))


def serve_ranges(body: bytes, fields: list[tuple[str, str]]) -> Callable[[Asked], Reply]:
    """Answers single ranges of a body as RFC 9110 section 14 says, If-Range included."""

    def answer(asked: Asked) -> Reply:
        wanted = asked.fields.get("range", "")
        tag = dict(fields).get("etag")
        if not wanted.startswith("bytes=") or asked.fields.get("if-range", tag) != tag:
            return Reply(fields=fields, body=body)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        start = int(first) if first else max(0, len(body) - int(last))
        end = min(len(body), int(last) + 1) if first and last else len(body)
        if start >= len(body):
            return Reply(416, [("content-range", f"bytes */{len(body)}")], b"")
        piece = [("content-range", f"bytes {start}-{end - 1}/{len(body)}")]
        return Reply(206, fields + piece, body[start:end])

    return answer
