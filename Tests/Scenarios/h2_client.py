# SPDX-License-Identifier: Apache-2.0
"""A bare HTTP/2 client: frames are written byte by byte, so that they may also be wrong (RFC 9113 section 4)."""

import socket
import ssl
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import hpack

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED, WITH_PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20

NO_ERROR, PROTOCOL_ERROR, INTERNAL_ERROR, FLOW_CONTROL_ERROR = 0, 1, 2, 3
STREAM_CLOSED, FRAME_SIZE_ERROR, REFUSED_STREAM, CANCEL, COMPRESSION_ERROR = 5, 6, 7, 8, 9

HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE, MAX_FRAME_SIZE = range(1, 6)

Fields = list[tuple[str, str]]


@dataclass(frozen=True)
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def code(self) -> int:
        """The error code of RST_STREAM or GOAWAY."""
        return struct.unpack(">I", self.payload[4:8] if self.type == GOAWAY else self.payload[:4])[0]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def settings(*pairs: tuple[int, int]) -> bytes:
    return frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", key, value) for key, value in pairs))


def window_update(stream: int, increment: int) -> bytes:
    return frame(WINDOW_UPDATE, 0, stream, struct.pack(">I", increment))


def block(fields: Iterable[tuple[str | bytes, str | bytes]]) -> bytes:
    """Literals without indexing and without Huffman code: valid at any time, whatever the fields hold."""
    out = b""
    for pair in fields:
        out += b"\0"
        for text in pair:
            raw = text.encode("latin-1") if isinstance(text, str) else text
            length = hpack.hpack.encode_integer(len(raw), 7)
            out += bytes(length) + raw
    return out


class Client:
    """One connection. Every read has a time limit; `read` returns None at the end of the connection."""

    def __init__(self, port: int, ca: Path | None, path: str, *, start: bytes | None = None) -> None:
        """`path` is what `request` asks for. Without `ca` the connection is cleartext, with prior knowledge (RFC 9113
        section 3.3). `start` replaces the preface and the empty SETTINGS."""
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=5)
        if ca:
            context = ssl.create_default_context(cafile=str(ca))
            context.set_alpn_protocols(["h2"])
            secure = context.wrap_socket(self._socket, server_hostname="127.0.0.1")
            assert secure.selected_alpn_protocol() == "h2"
            self._socket = secure
        self.path = path
        self._buffer = b""
        self._decoder = hpack.Decoder()
        self.send(PREFACE + settings() if start is None else start)

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def request(self, method: str = "GET", *more: tuple[str, str], path: str | None = None) -> Fields:
        """The fields of a well-formed request."""
        target = self.path if path is None else path
        return [(":method", method), (":scheme", "https"), (":authority", "127.0.0.1"), (":path", target), *more]

    def headers(self, stream: int = 1, fields: Fields | None = None, flags: int = END_STREAM | END_HEADERS) -> bytes:
        return frame(HEADERS, flags, stream, block(self.request() if fields is None else fields))

    def read(self, seconds: float = 5) -> Frame | None:
        """The next frame; None at the end. TimeoutError when nothing comes."""
        self._socket.settimeout(seconds)
        head = self._take(9)
        if head is None:
            return None
        length = int.from_bytes(head[:3], "big")
        payload = self._take(length)
        return None if payload is None else Frame(head[3], head[4], int.from_bytes(head[5:9], "big"), payload)

    def _take(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            try:
                piece = self._socket.recv(65_536)
            except (ConnectionError, ssl.SSLError) as error:
                if isinstance(error, TimeoutError):
                    raise
                piece = b""
            if not piece:
                return None
            self._buffer += piece
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken

    def wait_for(self, kind: int, stream: int | None = None, *, ack: bool = False) -> Frame:
        """The next frame of a kind; fails at GOAWAY or the end."""
        while True:
            found = self.read()
            assert found is not None, "the connection ended"
            if found.type == kind and (stream is None or found.stream == stream) and (not ack or found.flags & ACK):
                return found
            is_reset = found.type == RST_STREAM and found.stream == stream
            assert not is_reset, f"RST_STREAM with code {found.code} on {stream}"
            assert found.type != GOAWAY, f"GOAWAY with code {found.code}: {found.payload[8:]!r}"

    def status(self, stream: int = 1) -> int:
        """The status of the response on a stream."""
        found = self.wait_for(HEADERS, stream)
        return int(dict(self.decode(found.payload))[":status"])

    def decode(self, payload: bytes) -> list[tuple[str, str]]:
        """The fields of a HEADERS frame; each frame once, in order."""
        return [(str(name), str(value)) for name, value in self._decoder.decode(payload)]

    def body(self, stream: int = 1) -> bytes:
        """The bytes of DATA frames up to END_STREAM."""
        whole = b""
        while True:
            found = self.wait_for(DATA, stream)
            whole += found.payload
            if found.flags & END_STREAM:
                return whole

    def assert_alive(self) -> None:
        """PING is answered, with its own bytes (section 6.7)."""
        self.send(frame(PING, 0, 0, b"12345678"))
        while self.wait_for(PING, ack=True).payload != b"12345678":
            pass  # the answer to an earlier PING of the case
