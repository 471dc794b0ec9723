# SPDX-License-Identifier: Apache-2.0
"""An edge in front of an origin that is told its answers, for scenarios about one fetch for many readers."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from crowd import Seen, wait_until
from curl import HTTP_1, Answer, fetch
from edge_node import EdgeNode
from reply_origin import ReplyOrigin

SLICE = 262_144
BODY = bytes(itertools.islice(itertools.cycle(range(251)), 3 * SLICE + 1000))
FINISH = SLICE
WIDE = "connections: 2048, fetchesMax: 4096, stallTimeoutMilliseconds: 5000"
CACHE = f"{{finishBytes: {FINISH}, objectBytes: 8MiB, staleIfErrorSeconds: 60, standInMilliseconds: 200}}"
_numbers = itertools.count()


@dataclass(frozen=True)
class Site:
    """An edge of two workers in front of an origin that a test gives its answers."""

    origin: ReplyOrigin
    node: EdgeNode

    def path(self, *answers: object) -> str:
        path = f"/w/{next(_numbers)}"
        self.origin.replies[path] = list(answers)  # type: ignore[arg-type]
        return path

    def get(self, path: str, *options: str, version: str = HTTP_1) -> Answer:
        return fetch(self.node.secure(path), version, *options, ca=self.node.keys.ca, seconds=20)

    @property
    def waiting(self) -> int:
        return self.node.metric("spillway_readers_waiting")

    @property
    def fills(self) -> int:
        return self.node.metric("spillway_fills_open")

    def wait_for_readers(self, count: int) -> None:
        wait_until(lambda: self.waiting == count)

    def assert_idle(self) -> None:
        """Nobody waits, and nothing is fetched."""
        wait_until(lambda: self.waiting == 0 and self.fills == 0)
        server = f'spillway_upstream_fetches{{server="127.0.0.1:{self.origin.port}"}}'
        wait_until(lambda: self.node.metric(server) == 0)


@contextmanager
def running(folder: Path, name: str, upstream: str | None = None, cache: str = CACHE) -> Iterator[Site]:
    origin = ReplyOrigin()
    upstream = upstream or f"{{servers: [127.0.0.1:{origin.port}], {WIDE}}}"
    node = EdgeNode(folder, name, upstream, cache=cache, workers=2)
    try:
        yield Site(origin, node)
    finally:
        node.stop()
        origin.close()


def assert_whole(seen: list[Seen], body: bytes, status: int = 200) -> None:
    assert {(answer.status, answer.is_whole, answer.holds(body)) for answer in seen} == {(status, True, True)}


def assert_cut_off(seen: list[Seen]) -> None:
    """Each had a head and then a broken end: RST_STREAM with HTTP/2, too few bytes with HTTP/1.1."""
    assert {(answer.status, answer.is_whole) for answer in seen} == {(200, False)}
    for answer in seen:
        assert answer.reset != 0, "NO_ERROR is no cut-off"
        assert (answer.reset is not None) == (":status" in answer.fields)
