# SPDX-License-Identifier: Apache-2.0
"""An upstream whose paths say what comes: /size/N, /private/N (not to be shared), /slow/N (a second of waiting first),
/chunks/N (of unknown length), /private-chunks/N. What follows the number makes other names for the same."""

import socket
import threading
import time
from collections import Counter

SIZE_MAX = 1 << 28
PIECE = bytes(range(256)) * 256


class BodyOrigin:
    """Serves such bodies on a free port of 127.0.0.1 and counts requests and bytes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self.asked: Counter[str] = Counter()
        self.sent_bytes = 0
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
        with connection:
            try:
                while head := self._read_head(connection):
                    path = head.split(b" ")[1].decode("latin-1")
                    self.asked[path] += 1
                    self._answer(connection, *path.partition("?")[0].split("/")[1:])
            except OSError:
                return

    @staticmethod
    def _read_head(connection: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65_536)
            if not piece:
                return b""
            head += piece
        return head

    def _answer(self, connection: socket.socket, kind: str = "", size: str = "", *_: str) -> None:
        if not size.isdecimal() or int(size) > SIZE_MAX:
            connection.sendall(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
            return
        if kind == "slow":
            time.sleep(1)
        is_chunked = kind.endswith("chunks")
        control = "private, no-store" if kind.startswith("private") else "max-age=600"
        framing = "transfer-encoding: chunked" if is_chunked else f"content-length: {size}"
        connection.sendall(f"HTTP/1.1 200 OK\r\ncache-control: {control}\r\n{framing}\r\n\r\n".encode())
        rest = int(size)
        while rest > 0:
            piece = PIECE[: min(rest, len(PIECE))]
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if is_chunked else piece)
            self.sent_bytes += len(piece)
            rest -= len(piece)
        if is_chunked:
            connection.sendall(b"0\r\n\r\n")


def body(size: int) -> bytes:
    """The bytes of a body of this size."""
    return (PIECE * (size // len(PIECE) + 1))[:size]
