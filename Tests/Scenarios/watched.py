# SPDX-License-Identifier: Apache-2.0
"""Tripwires for hostile files: a file that nobody may open, and a port that nobody may connect to."""

import ctypes
import os
import socket
from pathlib import Path

_IN_ACCESS = 0x1
_IN_OPEN = 0x20
_libc = ctypes.CDLL(None, use_errno=True)


class WatchedFile:
    """Knows, by inotify, whether a file was opened or read."""

    def __init__(self, path: Path) -> None:
        self._descriptor = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        watch = _libc.inotify_add_watch(self._descriptor, os.fsencode(path), _IN_ACCESS | _IN_OPEN)
        assert self._descriptor >= 0 and watch >= 0, os.strerror(ctypes.get_errno())

    def was_touched(self) -> bool:
        try:
            return len(os.read(self._descriptor, 4096)) > 0
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._descriptor)


class WatchedPort:
    """Listens on a free port of 127.0.0.1 and knows whether anybody connected."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.port: int = self._listener.getsockname()[1]

    def was_touched(self) -> bool:
        try:
            self._listener.accept()[0].close()
            return True
        except BlockingIOError:
            return False

    def close(self) -> None:
        self._listener.close()
