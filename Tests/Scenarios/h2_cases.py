# SPDX-License-Identifier: Apache-2.0
"""What is sent to an HTTP/2 server, section by section of RFC 9113, and what it must answer: frames and streams."""

import struct
from collections.abc import Callable
from dataclasses import dataclass

from h2_client import (
    ACK,
    COMPRESSION_ERROR,
    CONTINUATION,
    DATA,
    ENABLE_PUSH,
    END_HEADERS,
    END_STREAM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    GOAWAY,
    HEADERS,
    INITIAL_WINDOW_SIZE,
    MAX_FRAME_SIZE,
    PADDED,
    PING,
    PREFACE,
    PRIORITY,
    PROTOCOL_ERROR,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    STREAM_CLOSED,
    WINDOW_UPDATE,
    WITH_PRIORITY,
    Client,
    block,
    frame,
    settings,
    window_update,
)


@dataclass(frozen=True)
class Connection:
    """GOAWAY with one of these codes (None: without GOAWAY), then the end of the connection."""

    codes: tuple[int | None, ...]


@dataclass(frozen=True)
class Stream:
    """RST_STREAM with one of these codes; the connection goes on."""

    codes: tuple[int, ...]
    stream: int = 1


@dataclass(frozen=True)
class Status:
    """A response; the connection goes on."""

    status: int
    stream: int = 1


@dataclass(frozen=True)
class Alive:
    """The connection goes on."""


Expected = Connection | Stream | Status | Alive


@dataclass(frozen=True)
class Case:
    section: str
    title: str
    send: Callable[[Client], bytes]
    expected: Expected
    start: bytes | None = None

    @property
    def id(self) -> str:
        return f"{self.section} {self.title}"


PROTOCOL = Connection((PROTOCOL_ERROR,))
SIZE = Connection((FRAME_SIZE_ERROR,))
CLOSED = Connection((STREAM_CLOSED,))
MALFORMED = Stream((PROTOCOL_ERROR,))
OK = Status(200)
# No byte of a body is taken: a stream stays half closed for as long as the case needs.
STOPPED = PREFACE + settings((INITIAL_WINDOW_SIZE, 0))


def priority(stream: int, parent: int) -> bytes:
    return frame(PRIORITY, 0, stream, struct.pack(">IB", parent, 15))


def reset(stream: int, code: int = 8) -> bytes:
    return frame(RST_STREAM, 0, stream, struct.pack(">I", code))


def goaway(last: int, code: int, stream: int = 0) -> bytes:
    return frame(GOAWAY, 0, stream, struct.pack(">II", last, code))


def split_head(c: Client, *pieces: bytes, flags: int = END_STREAM) -> bytes:
    """HEADERS without END_HEADERS, the pieces, then the rest of the block as CONTINUATION."""
    whole = block(c.request())
    return frame(HEADERS, flags, 1, whole[:10]) + b"".join(pieces) + frame(CONTINUATION, END_HEADERS, 1, whole[10:])


def padded(c: Client, length: int) -> bytes:
    return frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, bytes([length]) + block(c.request()) + bytes(8))


def open_post(c: Client, *more: tuple[str, str]) -> bytes:
    return c.headers(fields=c.request("POST", *more), flags=END_HEADERS)


def answered(c: Client, then: bytes) -> bytes:
    """Sent once a request has had its whole answer, which has closed its stream."""
    c.send(c.headers(fields=c.request("HEAD")))
    assert c.wait_for(HEADERS, 1).flags & END_STREAM
    return then


def with_priority(c: Client, parent: int, weight: int) -> bytes:
    return frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1,
                 struct.pack(">IB", parent, weight) + block(c.request()))  # fmt: skip


PREFACE_CASES = [
    Case("3.4", "a wrong preface", lambda c: b"", Connection((PROTOCOL_ERROR, None)),
         start=PREFACE.replace(b"SM", b"XX") + settings()),
    Case("3.4", "no SETTINGS after the preface", lambda c: b"", PROTOCOL, start=PREFACE + frame(PING, 0, 0, bytes(8))),
    Case("3.4", "SETTINGS with ACK after the preface", lambda c: b"", PROTOCOL, start=PREFACE + frame(SETTINGS, ACK, 0)),
    Case("3.4", "a request in the same bytes as the preface", lambda c: c.headers(), OK),
]  # fmt: skip

FRAME_CASES = [
    Case("4.1", "a frame of an unknown type", lambda c: frame(0xBE, 0, 0, b"abc"), Alive()),
    Case("4.1", "a frame of an unknown type on a stream", lambda c: frame(0xBE, 255, 1, b"") + c.headers(), OK),
    Case("4.1", "flags that PING does not define", lambda c: frame(PING, 0xFE & ~ACK, 0, bytes(8)), Alive()),
    Case("4.1", "the reserved bit of a stream", lambda c: frame(PING, 0, 1 << 31, bytes(8)), Alive()),
    Case("4.2", "DATA of 16384 bytes", lambda c: open_post(c) + frame(DATA, END_STREAM, 1, bytes(16_384)), Status(405)),
    Case("4.2", "DATA of 16385 bytes", lambda c: open_post(c) + frame(DATA, END_STREAM, 1, bytes(16_385)), SIZE),
    Case("4.2", "HEADERS of 16385 bytes", lambda c: frame(HEADERS, END_STREAM | END_HEADERS, 1, bytes(16_385)), SIZE),
    Case("4.2", "SETTINGS of 16386 bytes", lambda c: frame(SETTINGS, 0, 0, bytes(16_386)), SIZE),
    Case("4.3", "a block that is not HPACK", lambda c: frame(HEADERS, END_STREAM | END_HEADERS, 1, b"\xff" * 8),
         Connection((COMPRESSION_ERROR,))),
    Case("4.3", "PRIORITY inside a block", lambda c: split_head(c, priority(1, 0)), PROTOCOL),
    Case("4.3", "HEADERS of another stream inside a block", lambda c: split_head(c, c.headers(3)), PROTOCOL),
    Case("4.3", "DATA inside a block", lambda c: split_head(c, frame(DATA, 0, 1, b"a")), PROTOCOL),
    Case("4.3", "PING inside a block", lambda c: split_head(c, frame(PING, 0, 0, bytes(8))), PROTOCOL),
]  # fmt: skip

STREAM_CASES = [
    Case("5.1", "DATA on an idle stream", lambda c: frame(DATA, END_STREAM, 1, b"a"), PROTOCOL),
    Case("5.1", "RST_STREAM on an idle stream", lambda c: reset(1), PROTOCOL),
    Case("5.1", "WINDOW_UPDATE on an idle stream", lambda c: window_update(1, 100), PROTOCOL),
    Case("5.1", "CONTINUATION on an idle stream",
         lambda c: frame(CONTINUATION, END_HEADERS, 1, block(c.request())), PROTOCOL),
    Case("5.1", "PRIORITY on an idle stream", lambda c: priority(5, 0), Alive()),
    # Where a stream error is asked for, a connection error is allowed too (section 5.4), and nghttp2 is that strict.
    Case("5.1", "DATA on a half-closed stream", lambda c: c.headers() + frame(DATA, END_STREAM, 1, b"a"),
         CLOSED, STOPPED),
    Case("5.1", "HEADERS on a half-closed stream", lambda c: c.headers() + c.headers(),
         CLOSED, STOPPED),
    Case("5.1", "CONTINUATION on a half-closed stream",
         lambda c: c.headers() + frame(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL, STOPPED),
    Case("5.1", "PRIORITY on a half-closed stream", lambda c: c.headers() + priority(1, 0), Alive(), STOPPED),
    Case("5.1", "WINDOW_UPDATE on a half-closed stream", lambda c: c.headers() + window_update(1, 5), Alive(), STOPPED),
    Case("5.1", "DATA after RST_STREAM", lambda c: open_post(c) + reset(1) + frame(DATA, END_STREAM, 1, b"a"),
         CLOSED, STOPPED),
    Case("5.1", "HEADERS after RST_STREAM", lambda c: open_post(c) + reset(1) + c.headers(), CLOSED, STOPPED),
    Case("5.1", "CONTINUATION after RST_STREAM",
         lambda c: open_post(c) + reset(1) + frame(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL, STOPPED),
    Case("5.1", "PRIORITY after RST_STREAM", lambda c: open_post(c) + reset(1) + priority(1, 0), Alive(), STOPPED),
    Case("5.1", "WINDOW_UPDATE after RST_STREAM", lambda c: open_post(c) + reset(1) + window_update(1, 9), Alive()),
    Case("5.1", "RST_STREAM twice", lambda c: open_post(c) + reset(1) + reset(1), Alive()),
    Case("5.1", "DATA on a closed stream", lambda c: answered(c, frame(DATA, END_STREAM, 1, b"a")), CLOSED),
    Case("5.1", "HEADERS on a closed stream", lambda c: answered(c, c.headers()), CLOSED),
    Case("5.1", "CONTINUATION on a closed stream",
         lambda c: answered(c, frame(CONTINUATION, END_HEADERS, 1, b"\x82")), PROTOCOL),
    Case("5.1", "RST_STREAM on a closed stream", lambda c: answered(c, reset(1)), Alive()),
    Case("5.1", "PRIORITY on a closed stream", lambda c: answered(c, priority(1, 0)), Alive()),
    Case("5.1", "WINDOW_UPDATE on a closed stream", lambda c: answered(c, window_update(1, 100)), Alive()),
    Case("5.1.1", "an even stream", lambda c: c.headers(2), PROTOCOL),
    Case("5.1.1", "a stream lower than the last", lambda c: c.headers(5) + c.headers(3),
         PROTOCOL, STOPPED),
    Case("5.1.1", "streams that leave numbers out", lambda c: c.headers(101), Status(200, 101)),
    Case("5.3.1", "HEADERS that depends on itself",
         lambda c: with_priority(c, 1, 15), PROTOCOL),
    Case("5.3.1", "PRIORITY that depends on itself", lambda c: priority(3, 3), PROTOCOL),
    Case("5.5", "an unknown setting", lambda c: settings((0xFF, 1)), Alive()),
    Case("5.5", "an unknown frame inside a block", lambda c: split_head(c, frame(0xBE, 0, 1, b"a")), PROTOCOL),
]  # fmt: skip

DEFINITION_CASES = [
    Case("6.1", "DATA on stream 0", lambda c: frame(DATA, 0, 0, b"a"), PROTOCOL),
    Case("6.1", "DATA with padding",
         lambda c: open_post(c) + frame(DATA, END_STREAM | PADDED, 1, b"\x05a" + bytes(5)), Status(405)),
    Case("6.1", "DATA with more padding than payload",
         lambda c: open_post(c) + frame(DATA, END_STREAM | PADDED, 1, b"\x06a" + bytes(4)), PROTOCOL),
    Case("6.1", "DATA without a byte", lambda c: open_post(c) + frame(DATA, END_STREAM, 1), Status(405)),
    Case("6.2", "HEADERS on stream 0", lambda c: c.headers(0), PROTOCOL),
    Case("6.2", "HEADERS with padding", lambda c: padded(c, 8), OK),
    Case("6.2", "HEADERS with more padding than payload", lambda c: padded(c, 255), PROTOCOL),
    Case("6.2", "HEADERS with a priority", lambda c: with_priority(c, 0, 200), OK),
    Case("6.2", "HEADERS with the least priority", lambda c: with_priority(c, 0, 0), OK),
    Case("6.2", "HEADERS with the highest priority", lambda c: with_priority(c, 0, 255), OK),
    Case("6.2", "HEADERS that depends on an idle stream, and on it alone", lambda c: with_priority(c, 1 << 31 | 7, 0), OK),
    Case("6.2", "HEADERS too short for its priority",
         lambda c: frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, bytes(4)), SIZE),
    Case("6.3", "PRIORITY on stream 0", lambda c: priority(0, 1), PROTOCOL),
    Case("6.3", "PRIORITY of 4 bytes", lambda c: frame(PRIORITY, 0, 1, bytes(4)),
         Connection((FRAME_SIZE_ERROR,))),
    Case("6.3", "PRIORITY of an idle stream on another", lambda c: priority(5, 7) + c.headers(), OK),
    Case("6.3", "PRIORITY that takes all that depends on a stream", lambda c: priority(5, 1 << 31 | 3) + c.headers(), OK),
    Case("6.4", "RST_STREAM on stream 0", lambda c: reset(0), PROTOCOL),
    Case("6.4", "RST_STREAM of 3 bytes", lambda c: open_post(c) + frame(RST_STREAM, 0, 1, bytes(3)), SIZE),
    Case("6.5", "SETTINGS with ACK and a payload", lambda c: frame(SETTINGS, ACK, 0, bytes(6)), SIZE),
    Case("6.5", "SETTINGS on a stream", lambda c: frame(SETTINGS, 0, 1), PROTOCOL),
    Case("6.5", "SETTINGS of 5 bytes", lambda c: frame(SETTINGS, 0, 0, bytes(5)), SIZE),
    Case("6.5.2", "ENABLE_PUSH 2", lambda c: settings((ENABLE_PUSH, 2)), PROTOCOL),
    Case("6.5.2", "INITIAL_WINDOW_SIZE 2^31", lambda c: settings((INITIAL_WINDOW_SIZE, 1 << 31)),
         Connection((FLOW_CONTROL_ERROR,))),
    Case("6.5.2", "MAX_FRAME_SIZE 16383", lambda c: settings((MAX_FRAME_SIZE, 16_383)), PROTOCOL),
    Case("6.5.2", "MAX_FRAME_SIZE 2^24", lambda c: settings((MAX_FRAME_SIZE, 1 << 24)), PROTOCOL),
    Case("6.5.2", "MAX_FRAME_SIZE 2^24-1", lambda c: settings((MAX_FRAME_SIZE, (1 << 24) - 1)), Alive()),
    Case("RFC 9218 2.1", "NO_RFC7540_PRIORITIES 2", lambda c: settings((9, 2)), PROTOCOL),
    Case("6.6", "PUSH_PROMISE from a client",
         lambda c: c.headers() + frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + block(c.request())),
         PROTOCOL, STOPPED),
    Case("6.7", "PING with ACK", lambda c: frame(PING, ACK, 0, b"unwanted"), Alive()),
    Case("6.7", "PING on a stream", lambda c: frame(PING, 0, 1, bytes(8)), PROTOCOL),
    Case("6.7", "PING of 6 bytes", lambda c: frame(PING, 0, 0, bytes(6)), SIZE),
    Case("6.8", "GOAWAY on a stream", lambda c: goaway(0, 0, stream=1), PROTOCOL),
    Case("6.8", "GOAWAY of 7 bytes", lambda c: frame(GOAWAY, 0, 0, bytes(7)), SIZE),
    Case("6.9", "WINDOW_UPDATE of 0 on the connection", lambda c: window_update(0, 0), PROTOCOL),
    Case("6.9", "WINDOW_UPDATE of 0 on a stream", lambda c: c.headers() + window_update(1, 0), PROTOCOL, STOPPED),
    Case("6.9", "WINDOW_UPDATE of 3 bytes", lambda c: frame(WINDOW_UPDATE, 0, 0, bytes(3)), SIZE),
    Case("6.9.1", "the connection's window beyond 2^31-1",
         lambda c: window_update(0, (1 << 31) - 1), Connection((FLOW_CONTROL_ERROR,))),
    Case("6.9.1", "a stream's window beyond 2^31-1",
         lambda c: c.headers() + window_update(1, (1 << 31) - 1) + window_update(1, 1),
         Stream((FLOW_CONTROL_ERROR,)), STOPPED),
    # Section 6.9.2 asks for a connection error here; nghttp2 resets the streams that are concerned.
    Case("6.9.2", "a window beyond 2^31-1 by SETTINGS",
         lambda c: c.headers() + window_update(1, (1 << 31) - 1) + settings((INITIAL_WINDOW_SIZE, 1)),
         Stream((FLOW_CONTROL_ERROR,)), STOPPED),
    Case("6.10", "a block in three frames", lambda c: split_head(c, frame(CONTINUATION, 0, 1, b"")), OK),
    Case("6.10", "CONTINUATION of another stream",
         lambda c: split_head(c, frame(CONTINUATION, END_HEADERS, 3, b"\x82")), PROTOCOL),
    Case("6.10", "CONTINUATION on stream 0", lambda c: split_head(c, frame(CONTINUATION, 0, 0, b"\x82")), PROTOCOL),
    Case("6.10", "CONTINUATION after END_HEADERS",
         lambda c: c.headers() + frame(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL, STOPPED),
    Case("6.10", "CONTINUATION after CONTINUATION with END_HEADERS",
         lambda c: split_head(c) + frame(CONTINUATION, END_HEADERS, 1, b"\x82"), PROTOCOL, STOPPED),
    Case("6.10", "CONTINUATION after DATA",
         lambda c: open_post(c) + frame(DATA, 0, 1, b"a") + frame(CONTINUATION, END_HEADERS, 1, b"\x82"),
         PROTOCOL, STOPPED),
    # Nothing is to come any more.
    Case("7", "GOAWAY with an unknown code", lambda c: goaway(0, 0xFF), Connection((None, 0))),
    Case("7", "RST_STREAM with an unknown code", lambda c: open_post(c) + reset(1, 0xFF), Alive()),
]  # fmt: skip
