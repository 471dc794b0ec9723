# SPDX-License-Identifier: Apache-2.0
"""A TCP link to the origin that a scenario can hold up: what the origin answers waits until `release`."""

import socket
import threading

from stack.ports import free_ports

CHUNK_BYTES = 16_384


class SlowLink:
    """Forwards connections from a port of its own to another port of 127.0.0.1."""

    def __init__(self, target_port: int, bytes_per_second: int) -> None:
        self.port = free_ports(1)[0]
        self._target = ("127.0.0.1", target_port)
        self._pause_seconds = CHUNK_BYTES / bytes_per_second
        self._released = threading.Event()
        self._closed = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def release(self) -> None:
        """Lets answers through, at the link's speed."""
        self._released.set()

    def close(self) -> None:
        self._closed.set()
        self._released.set()
        # Wakes the thread before the descriptor is given up: it must never accept on another socket of that number.
        self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            origin = socket.create_connection(self._target)
            threading.Thread(target=self._forward, args=(client, origin, False), daemon=True).start()
            threading.Thread(target=self._forward, args=(origin, client, True), daemon=True).start()

    def _forward(self, source: socket.socket, sink: socket.socket, slowly: bool) -> None:
        try:
            while chunk := source.recv(CHUNK_BYTES):
                if slowly:
                    self._released.wait()
                    self._closed.wait(self._pause_seconds)
                sink.sendall(chunk)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            source.close()
            sink.close()
