# SPDX-License-Identifier: Apache-2.0
"""Stale responses that stand in for an upstream that is known to be down, or that does not answer in time (RFC 5861)."""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from curl import HTTP_2, Answer, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh

WAIT_SECONDS = 0.5
SLOW_SECONDS = 5.0
OLD = Reply(fields=[("cache-control", "max-age=0, stale-if-error=600")], body=b"old")
_numbers = itertools.count()


@dataclass(frozen=True)
class Site:
    """An edge that checks its upstream's health, and waits for half a second."""

    origin: ReplyOrigin
    node: EdgeNode

    def path(self, *replies: Reply) -> str:
        path = f"/s/{next(_numbers)}"
        self.origin.replies[path] = list(replies)
        return path

    def get(self, path: str) -> tuple[Answer, float]:
        """The answer, and the seconds that it took."""
        start = time.monotonic()
        answer = fetch(self.node.secure(path), HTTP_2, ca=self.node.keys.ca, seconds=20)
        return answer, time.monotonic() - start

    def wait_until_server_is(self, *, up: bool) -> None:
        deadline = time.monotonic() + 10
        while self.node.metric(f'spillway_upstream_up{{server="127.0.0.1:{self.origin.port}"}}') != up:
            assert time.monotonic() < deadline
            time.sleep(0.05)


@pytest.fixture
def site(work_folder: Path) -> Iterator[Site]:
    folder = work_folder / f"stand-in-{next(_numbers)}"
    origin = ReplyOrigin()
    origin.replies["/healthz"] = [Reply()]
    checks = "{intervalMilliseconds: 100, timeoutMilliseconds: 500, healthyThreshold: 1, unhealthyThreshold: 1}"
    node = EdgeNode(
        folder, "stand-in-edge", f"{{servers: [127.0.0.1:{origin.port}], health: {checks}}}", workers=2,
        cache=f"{{standInMilliseconds: 300, waitMilliseconds: {round(WAIT_SECONDS * 1000)}}}",
    )  # fmt: skip
    yield Site(origin, node)
    node.stop()
    origin.close()


def test_while_every_server_is_down_stale_comes_at_once(site: Site) -> None:
    path = site.path(OLD, Reply(drops=True))
    other = site.path(Reply(drops=True))
    assert site.get(path)[0].body == b"old"
    site.origin.replies["/healthz"] = [Reply(500)]
    site.wait_until_server_is(up=False)
    site.origin.replies[path] = [Reply(delay=SLOW_SECONDS)]
    for _ in range(3):
        answer, seconds = site.get(path)
        assert (answer.status, answer.body) == (200, b"old")
        assert "stale-if-error" in answer.headers["cache-status"]
        assert seconds < WAIT_SECONDS / 2, "nobody waits for a server that is down"
    assert site.get(other)[0].status == 503, "what is not stored has nothing to stand in"
    site.origin.replies[path] = [fresh(body=b"new")]
    site.origin.replies["/healthz"] = [Reply()]
    site.wait_until_server_is(up=True)
    deadline = time.monotonic() + 10
    while site.get(path)[0].body != b"new":
        assert time.monotonic() < deadline, "the newer response is never fetched"
        time.sleep(0.1)


@pytest.mark.parametrize("stands_in", [True, False])
def test_who_has_waited_long_enough_gets_what_is_stale(site: Site, stands_in: bool) -> None:
    fields = [("cache-control", "max-age=0" + (", stale-if-error=600" if stands_in else ""))]
    path = site.path(Reply(fields=fields, body=b"old"), Reply(delay=SLOW_SECONDS))
    assert site.get(path)[0].body == b"old"
    answer, seconds = site.get(path)
    assert (answer.status, WAIT_SECONDS * 0.9 < seconds < SLOW_SECONDS / 2) == (200 if stands_in else 504, True)
    assert site.node.metric("spillway_waits_timed_out_total") == 1
    if stands_in:
        assert answer.body == b"old"
        assert "stale-if-error" in answer.headers["cache-status"]
