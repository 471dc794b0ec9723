# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 by hand (RFC 9113): a client that can do what no library would."""

import socket
import ssl
import struct
import time
from dataclasses import dataclass
from pathlib import Path

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
PRIORITY_UPDATE = 0x10
END_STREAM, ACK, END_HEADERS = 1, 1, 4
NO_ERROR, CANCEL, ENHANCE_YOUR_CALM = 0, 8, 11
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_STATIC_STATUS = {8: 200, 9: 204, 10: 206, 11: 304, 12: 400, 13: 404, 14: 500}
_DIGIT_CODES = {f"{digit:05b}": str(digit) for digit in range(3)}
_DIGIT_CODES |= {f"{22 + digit:06b}": str(digit) for digit in range(3, 10)}


@dataclass(frozen=True)
class Frame:
    type: int
    flags: int
    stream: int
    payload: bytes

    @property
    def error(self) -> int:
        """The error code of a RST_STREAM or a GOAWAY."""
        return struct.unpack(">I", self.payload[:4] if self.type == RST_STREAM else self.payload[4:8])[0]

    @property
    def last_stream(self) -> int:
        return struct.unpack(">I", self.payload[:4])[0] & 0x7FFF_FFFF


def frame(kind: int, flags: int = 0, stream: int = 0, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name: bytes, value: bytes) -> bytes:
    """A field without indexing and without the Huffman code (RFC 7541 section 6.2.2)."""
    return b"\x00" + _string(name) + _string(value)


def _string(text: bytes) -> bytes:
    if len(text) < 127:
        return bytes([len(text)]) + text
    rest, coded = len(text) - 127, b"\x7f"
    while rest >= 128:
        coded += bytes([rest & 127 | 128])
        rest >>= 7
    return coded + bytes([rest]) + text


def request_block(path: str, method: str = "GET", extra: bytes = b"") -> bytes:
    fields = [(":method", method), (":scheme", "https"), (":authority", "edge"), (":path", path)]
    return b"".join(literal(name.encode(), value.encode()) for name, value in fields) + extra


def trusting_context(ca: Path, protocol: str = "h2") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.check_hostname = False
    context.set_alpn_protocols([protocol])
    return context


class Client:
    """One connection; `send` takes any bytes, `read_frame` gives what comes."""

    def __init__(
        self, port: int, ca: Path, settings: bytes = b"", seconds: float = 10.0, receive_buffer: int = 0
    ) -> None:
        raw = socket.socket()
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.settimeout(seconds)
        raw.connect(("127.0.0.1", port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket = trusting_context(ca).wrap_socket(raw, server_hostname="127.0.0.1")
        assert self.socket.selected_alpn_protocol() == "h2"
        self._input = b""
        self._statuses: list[int] = []
        self.socket.sendall(PREFACE + frame(SETTINGS, payload=settings))

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> bool:
        """False when the server has closed."""
        try:
            self.socket.sendall(data)
        except (OSError, ssl.SSLError):
            return False
        return True

    def ask(self, path: str, stream: int, flags: int = END_STREAM | END_HEADERS, method: str = "GET") -> bool:
        return self.send(frame(HEADERS, flags, stream, request_block(path, method)))

    def read_frame(self) -> Frame | None:
        """The next frame, None at the end of the connection."""
        head = self._take(9)
        if head is None:
            return None
        payload = self._take(int.from_bytes(head[:3], "big"))
        if payload is None:
            return None
        return Frame(head[3], head[4], struct.unpack(">I", head[5:])[0] & 0x7FFF_FFFF, payload)

    def read_until_closed(self, seconds: float = 10.0) -> list[Frame]:
        """Every frame up to the close; asserts that it comes in time."""
        deadline = time.monotonic() + seconds
        frames: list[Frame] = []
        while (found := self.read_frame()) is not None:
            frames.append(found)
            assert time.monotonic() < deadline, "the connection was not closed"
        return frames

    def status(self, headers: Frame) -> int:
        """The status of a response's HEADERS frame; frames must be passed in the order in which they came."""
        block = headers.payload
        if block[0] & 0x80:
            index = block[0] & 0x7F
            return _STATIC_STATUS[index] if index < 62 else self._statuses[-(index - 61)]
        length = block[1] & 0x7F
        text = block[2 : 2 + length]
        status = int(_digits(text) if block[1] & 0x80 else text)
        if block[0] & 0xC0 == 0x40:
            self._statuses.append(status)
        return status

    def fetch(self, path: str, stream: int) -> tuple[int, bytes]:
        """One whole response; other frames are answered or skipped."""
        assert self.ask(path, stream)
        return self.finish(stream)

    def finish(self, stream: int) -> tuple[int, bytes]:
        """The rest of a response that was asked for: its status (0 when its head was read before) and body."""
        status, body = 0, b""
        while True:
            found = self.read_frame()
            assert found is not None, "the connection ended in the middle of a response"
            if found.type == SETTINGS and not found.flags & ACK:
                self.send(frame(SETTINGS, ACK))
            grant = struct.pack(">I", len(found.payload))
            if found.type == DATA and found.payload:
                self.send(frame(WINDOW_UPDATE, 0, 0, grant))
            if found.stream != stream:
                continue
            assert found.type != RST_STREAM, f"reset with {found.error}"
            if found.type == HEADERS:
                status = self.status(found)
            elif found.type == DATA:
                body += found.payload
                if found.payload:
                    self.send(frame(WINDOW_UPDATE, 0, stream, grant))
            if found.flags & END_STREAM and found.type in (DATA, HEADERS):
                return status, body

    def _take(self, count: int) -> bytes | None:
        while len(self._input) < count:
            try:
                piece = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLEOFError):
                return None
            if not piece:
                return None
            self._input += piece
        taken, self._input = self._input[:count], self._input[count:]
        return taken


def _digits(coded: bytes) -> str:
    """Three digits in the Huffman code (RFC 7541 appendix B)."""
    bits = "".join(f"{byte:08b}" for byte in coded)
    text = ""
    while len(text) < 3:
        length = 5 if bits[:5] in _DIGIT_CODES else 6
        text += _DIGIT_CODES[bits[:length]]
        bits = bits[length:]
    return text
