# SPDX-License-Identifier: Apache-2.0
"""The n-th system call of a request fails, for every n and every call: the process neither dies nor hangs, and the next
good request succeeds."""

import errno
import mmap
import os
import socket
import ssl
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from body_origin import BodyOrigin, body
from edge_node import EdgeNode
from frames import Client, trusting_context

SIZE = 300_000
SECONDS_MAX = 6.0
CALLS = [
    "accept4", "read", "recv", "write", "send", "writev", "epoll_ctl", "epoll_wait", "socket", "connect", "close",
    "setsockopt", "getsockopt",
]  # fmt: skip
# What each call may fail with on a machine in need, or because of a peer.
ERRORS = {
    "accept4": [errno.EMFILE, errno.ECONNABORTED, errno.EINTR, errno.ENETDOWN],
    "read": [errno.ECONNRESET, errno.EINTR, errno.ENOMEM],
    "write": [errno.EINTR, errno.EAGAIN],
    "send": [errno.EPIPE, errno.EINTR, errno.ENOBUFS],
    "epoll_ctl": [errno.ENOMEM, errno.ENOSPC],
    "epoll_wait": [errno.EINTR, errno.ENOMEM],
    "socket": [errno.EMFILE, errno.ENOBUFS],
    "connect": [errno.EADDRNOTAVAIL, errno.ECONNREFUSED],
    "close": [errno.EINTR],
    "setsockopt": [errno.ENOBUFS],
    "getsockopt": [errno.ENOBUFS],
}


class Control:
    """Tells the preloaded library which call to fail; see fail_nth.c."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(struct.pack("5i", -1, 0, 0, 0, 0).ljust(4096, b"\0"))
        with path.open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 4096)

    def arm(self, call: str, nth: int, error: int) -> None:
        self._memory[4:20] = struct.pack("4i", nth, error, 0, 0)
        self._memory[0:4] = struct.pack("i", CALLS.index(call))

    def disarm(self) -> tuple[int, bool]:
        """How often it was called, and whether it failed."""
        self._memory[0:4] = struct.pack("i", -1)
        count, fired = struct.unpack("2i", self._memory[12:20])
        return count, bool(fired)


@pytest.fixture(scope="module")
def control(work_folder: Path) -> Control:
    return Control(work_folder / "fail-control")


@pytest.fixture(scope="module")
def node(work_folder: Path, control: Control) -> Iterator[EdgeNode]:
    library = work_folder / "fail_nth.so"
    source = Path(__file__).parent / "fail_nth.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, source, "-ldl"], check=True)
    origin = BodyOrigin()
    preload = ["env", f"LD_PRELOAD={library}", f"FAIL_CONTROL={work_folder / 'fail-control'}"]
    edge = EdgeNode(work_folder / "syscalls", "syscalls-edge", origin.port, prefix=preload)
    yield edge
    edge.program.require_running()
    assert edge.stop() == 0
    origin.close()


def over_http1(node: EdgeNode, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", node.port), timeout=SECONDS_MAX) as raw:
        with trusting_context(node.keys.ca, "http/1.1").wrap_socket(raw, server_hostname="127.0.0.1") as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nhost: edge\r\nconnection: close\r\n\r\n".encode())
            received = b""
            while piece := client.recv(65_536):
                received += piece
    head, _, content = received.partition(b"\r\n\r\n")
    return content if head.startswith(b"HTTP/1.1 200") else b""


def over_http2(node: EdgeNode, path: str) -> bytes:
    with Client(node.port, node.keys.ca, seconds=SECONDS_MAX) as client:
        status, content = client.fetch(path, 1)
    return content if status == 200 else b""


REQUESTS = {"http1": over_http1, "http2": over_http2}


def tried(node: EdgeNode, request: Callable[[EdgeNode, str], bytes], path: str) -> None:
    """A request that may fail in any way but one: it must not hang, and must not bring wrong bytes as whole ones."""
    try:
        content = request(node, path)
    except TimeoutError:
        raise
    except (OSError, ssl.SSLError, AssertionError):
        return
    assert body(SIZE).startswith(content)


@pytest.mark.parametrize("kind", ["hit", "miss"])
@pytest.mark.parametrize("version", REQUESTS)
def test_every_call_may_fail_once(node: EdgeNode, control: Control, version: str, kind: str) -> None:
    request = REQUESTS[version]
    hit = f"/size/{SIZE}/hit-{version}"
    assert request(node, hit) == body(SIZE)
    number = 0
    fired: set[str] = set()
    for call, error in ((call, error) for call in CALLS for error in ERRORS.get(call, [])):
        nth = 0
        while nth < 40:
            number += 1
            path = hit if kind == "hit" else f"/size/{SIZE}/{version}-{number}"
            control.arm(call, nth, error)
            start = time.monotonic()
            try:
                tried(node, request, path)
            except TimeoutError:
                pytest.fail(f"{call} #{nth} with {os.strerror(error)}: the request hung")
            finally:
                if call == "close":
                    # The edge closes a moment after its client.
                    time.sleep(0.1)
                _, failed = control.disarm()
            node.program.require_running()
            if not failed:
                break
            fired.add(call)
            took = time.monotonic() - start
            good = request(node, path if kind == "miss" else hit)
            assert good == body(SIZE), f"after {call} #{nth} with {os.strerror(error)} ({took:.1f} s)"
            nth += 1
    assert fired >= {"accept4", "read", "send", "epoll_ctl", "epoll_wait", "close"}
    if kind == "miss":
        assert number > 50
