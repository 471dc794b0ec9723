# SPDX-License-Identifier: Apache-2.0
"""An upstream that says who it is, can be slow, hang, fail or end and come back, with or without TLS."""

import socket
import ssl
import struct
import threading
import time
from collections import Counter

RESET = struct.pack("ii", 1, 0)


class NamedUpstream:
    """Answers each path with `NAME PATH` on a port of 127.0.0.1. What it does may be changed at any time."""

    def __init__(self, name: str, tls: ssl.SSLContext | None = None) -> None:
        self.name = name
        self.tls = tls
        self.asked: Counter[str] = Counter()
        self.hosts: list[str] = []
        self.order: list[str] = []
        self.handshakes = 0
        self.resumed = 0
        self.connections_open = 0
        self.under_way = 0
        self.under_way_max = 0
        self.is_hanging = False
        self.resets_next = 0
        self.delay_seconds = 0.0
        self.status = 200
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self.port = 0
        self.start()

    def start(self) -> None:
        """Listens, on the same port as before."""
        self._listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self.port = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, args=(self._listener,), daemon=True)
        self._accepting.start()

    def stop(self) -> None:
        """Ends as a killed program does: no connection is left."""
        if self._listener.fileno() < 0:
            return
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        with self._lock:
            left = list(self._open)
        for connection in left:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.port}"

    def paths(self) -> set[str]:
        """What was asked for, health checks aside."""
        return {path for path in self.asked if path != "/healthz"}

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with self._lock:
            self._open.add(plain)
            self.connections_open += 1
        try:
            connection = plain
            if self.tls:
                connection = self.tls.wrap_socket(plain, server_side=True)
                with self._lock:
                    self.handshakes += 1
                    self.resumed += bool(connection.session_reused)
            while head := self._read_head(connection):
                if not self._answer(connection, head):
                    return
        except OSError:
            return
        finally:
            with self._lock:
                self._open.discard(plain)
                self.connections_open -= 1
            plain.close()

    @staticmethod
    def _read_head(connection: socket.socket) -> bytes:
        head = b""
        while b"\r\n\r\n" not in head:
            piece = connection.recv(65_536)
            if not piece:
                return b""
            head += piece
            if not head[:1].isalpha():  # a TLS hello, to a server that speaks none
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return b""
        return head

    def _answer(self, connection: socket.socket, head: bytes) -> bool:
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ")
        with self._lock:
            self.asked[path] += 1
            self.order.append(path)
            self.hosts += [line.partition(": ")[2] for line in lines if line.startswith("host: ")]
            self.under_way += path != "/healthz"
            self.under_way_max = max(self.under_way_max, self.under_way)
            resets = self.resets_next > 0 and path != "/healthz"
            self.resets_next -= resets
        try:
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                return False
            while self.is_hanging:
                time.sleep(0.05)
            if path != "/healthz":
                time.sleep(self.delay_seconds)
            body = f"{self.name} {path}".encode()
            fields = f"cache-control: max-age=600\r\ncontent-length: {len(body)}"
            connection.sendall(f"HTTP/1.1 {self.status} X\r\n{fields}\r\n\r\n".encode())
            if method != "HEAD":
                connection.sendall(body)
            return True
        finally:
            with self._lock:
                self.under_way -= path != "/healthz"
