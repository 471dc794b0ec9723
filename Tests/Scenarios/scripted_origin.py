# SPDX-License-Identifier: Apache-2.0
"""An upstream that answers in the ways upstreams break: the last part of the path says how."""

import socket
import struct
import threading
import time
from collections import Counter

FRESH = b"HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\n"
HELLO = b"content-length: 5\r\n\r\nhello"
RESET = struct.pack("ii", 1, 0)

ANSWERS: dict[str, bytes] = {
    "whole": FRESH + HELLO,
    "body-cut-short": FRESH + b"content-length: 100000\r\n\r\n" + b"x" * 50_000,
    "two-lengths": FRESH + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhelloo",
    "length-and-chunks": FRESH + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "broken-chunk": FRESH + b"transfer-encoding: chunked\r\n\r\n5\r\nhelloXX",
    "chunks-cut-short": FRESH + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "interim-first": b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + FRESH + HELLO,
    "endless-interim": b"HTTP/1.1 100 Continue\r\n\r\n" * 5000,
    "huge-cache-status": FRESH + b"cache-status: " + b"a" * 5000 + b"\r\n" + HELLO,
    "huge-head": FRESH + b"x-large: " + b"a" * 40_000 + b"\r\n" + HELLO,
    "private-in-second-line": FRESH + b"cache-control: private, no-store\r\n" + HELLO,
    "nominated-field": FRESH + b"x-hop: secret\r\nconnection: keep-alive, X-Hop\r\n" + HELLO,
    "space-before-colon": FRESH + b"x-spaced : value\r\nContent-Length : 5\r\n\r\nhello",
    "folded": FRESH + b"x-folded: a\r\n b\r\n" + HELLO,
    "no-reason": FRESH.replace(b" OK", b"") + HELLO,
    "equal-lengths": FRESH + b"content-length: 5\r\n" + HELLO,
    "trailers": FRESH + b"transfer-encoding: CHUNKED\r\n\r\n5;x=y\r\nhello\r\n0\r\nx-trailer: a\r\n\r\n",
    "bad-trailer": FRESH + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nx-trailer: a\nb\r\n\r\n",
    "old-and-chunked": FRESH.replace(b"1.1", b"1.0") + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "other-coding": FRESH + b"transfer-encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "old-version": FRESH.replace(b"1.1", b"1.0") + b"\r\nhello",
    "old-and-kept": FRESH.replace(b"1.1", b"1.0") + b"connection: keep-alive\r\n" + HELLO,
    "no-content-with-length": b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n",
    "not-http": b"\x00\x01\x02\r\n\r\n" * 20,
    "no-length": FRESH + b"connection: close\r\n\r\n" + b"y" * 70_000,
    "no-length-then-reset": FRESH + b"connection: close\r\n\r\n" + b"x" * 50_000,
}
ENDS_CONNECTION = {"body-cut-short", "chunks-cut-short", "no-length", "not-http", "old-version"}


class ScriptedOrigin:
    """Serves `ANSWERS` on a free port of 127.0.0.1 and counts what was asked."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.asked: Counter[str] = Counter()
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def close(self) -> None:
        """Wakes the thread before the descriptor is given up: it must never accept on another socket of that number."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            while True:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = connection.recv(65_536)
                    if not piece:
                        return
                    head += piece
                kind = head.split(b" ")[1].decode().rsplit("/", 1)[1]
                self.asked[kind] += 1
                connection.sendall(ANSWERS[kind])
                if kind == "no-length-then-reset":
                    time.sleep(0.2)  # the bytes must arrive before the reset discards them
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                    return
                if kind in ENDS_CONNECTION:
                    return
        except OSError:
            return
        finally:
            connection.close()
