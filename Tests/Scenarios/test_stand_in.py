# SPDX-License-Identifier: Apache-2.0
"""Stale responses that stand in for an upstream that is known to be down, or that does not answer in time (RFC 5861)."""

import itertools
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from curl import HTTP_2, Answer, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh

WAIT_SECONDS = 0.5
HOLD_SECONDS = 2
SLOW_SECONDS = 5.0
OLD = Reply(fields=[("cache-control", "max-age=0, stale-if-error=600")], body=b"old")
# What curl ends with when a body ends too early, or its stream is reset.
CUT_OFF = {18, 92}
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
        requests="{methods: all}", cache=f"{{finishBytes: 65536, standInMilliseconds: {HOLD_SECONDS * 1000}, waitMilliseconds: {round(WAIT_SECONDS * 1000)}}}",
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


@pytest.mark.parametrize("stands_in", [True, False])
def test_a_body_that_breaks_off_gives_its_place_back(site: Site, stands_in: bool) -> None:
    """The new response has replaced the old one when upstream dies in mid-body. Who comes next gets the old one again."""
    fields = [("cache-control", "max-age=0" + (", stale-if-error=600" if stands_in else ""))]
    broken = Reply(fields=fields, body=b"x" * 200_000, reset_after=100_000)
    path = site.path(Reply(fields=fields, body=b"old"), broken, fresh(body=b"new"))
    assert site.get(path)[0].body == b"old"
    # Who asked for the new one has had its beginning.
    read_what_breaks_off(site, path)
    answer, _ = site.get(path)
    if stands_in:
        assert (answer.status, answer.body) == (200, b"old")
        assert "stale-if-error" in answer.headers["cache-status"]
        assert len(site.origin.at(path)) == 2, "an upstream that has just failed is left alone for a moment"
        time.sleep(HOLD_SECONDS + 0.1)
        answer, _ = site.get(path)
    assert (answer.status, answer.body) == (200, b"new")


def test_a_variant_gets_its_place_back(site: Site) -> None:
    fields = [*OLD.fields, ("vary", "Accept-Language")]
    path = site.path(Reply(fields=fields, body=b"old"), Reply(fields=fields, body=b"x" * 200_000, reset_after=100_000))
    assert site.get(path)[0].body == b"old"
    read_what_breaks_off(site, path)
    answer, _ = site.get(path)
    assert (answer.status, answer.body) == (200, b"old")


def test_a_client_that_leaves_takes_nothing_along(site: Site) -> None:
    """The new body ends with its only reader; upstream has failed by the time of the next request."""
    gate = threading.Event()
    endless = Reply(fields=OLD.fields, body=b"x" * 3_000_000, body_gate=gate)
    path = site.path(OLD, endless, Reply(500))
    assert site.get(path)[0].body == b"old"
    cancelled = site.node.metric("spillway_fills_cancelled_total")
    command = ["curl", "-s", "--max-time", "1", "--cacert", site.node.keys.ca, HTTP_2, "-o", "/dev/null"]
    assert subprocess.run([*command, site.node.secure(path)], timeout=30).returncode == 28
    wait_until(lambda: site.node.metric("spillway_fills_cancelled_total") == cancelled + 1)
    gate.set()
    answer, _ = site.get(path)
    assert (answer.status, answer.body) == (200, b"old")


def test_what_is_no_get_never_gets_what_is_stored(site: Site) -> None:
    """A DELETE that upstream does not answer in time has failed, however good the stored response to a GET is."""
    path = site.path(fresh(body=b"stored"), Reply(delay=SLOW_SECONDS))
    assert site.get(path)[0].body == b"stored"
    answer = fetch(site.node.secure(path), HTTP_2, "-X", "DELETE", ca=site.node.keys.ca, seconds=20)
    assert answer.status == 504


def test_a_playlist_that_breaks_off_is_answered_from_the_old_one(site: Site) -> None:
    """Its readers wait for all of it, to get it compressed; nothing has been sent, so they can have the old one."""
    fields = [*OLD.fields, ("content-type", "application/vnd.apple.mpegurl")]
    whole = b"#EXTM3U\n" + b"#EXT-X-TARGETDURATION:6\n" * 200
    path = site.path(Reply(fields=fields, body=whole), Reply(fields=fields, body=whole * 20, reset_after=50_000))
    for expected in ("fwd=uri-miss", "stale-if-error"):
        answer = fetch(site.node.secure(path), HTTP_2, "--compressed", ca=site.node.keys.ca, seconds=20)
        assert (answer.status, answer.body) == (200, whole)
        assert expected in answer.headers["cache-status"]


def test_what_has_become_invalid_meanwhile_does_not_come_back(site: Site) -> None:
    gate = threading.Event()
    broken = Reply(fields=OLD.fields, body=b"x" * 200_000, reset_after=100_000, body_gate=gate)
    path = site.path(OLD, broken, Reply(), Reply(500))
    assert site.get(path)[0].body == b"old"
    reader = threading.Thread(target=read_what_breaks_off, args=(site, path))
    reader.start()
    wait_until(lambda: site.node.metric("spillway_upstream_bytes_total") > 50_000)
    # It changes what the path stands for (RFC 9111 section 4.4).
    assert fetch(site.node.secure(path), HTTP_2, "-X", "POST", "-d", "x", ca=site.node.keys.ca).status == 200
    gate.set()
    reader.join()
    assert site.get(path)[0].status == 500


def read_what_breaks_off(site: Site, path: str) -> None:
    """A client that has had the beginning when the rest does not come."""
    command = ["curl", "-s", "--max-time", "20", "--cacert", site.node.keys.ca, HTTP_2, "-o", "/dev/null"]
    done = subprocess.run([*command, site.node.secure(path)], timeout=30)
    assert done.returncode in CUT_OFF


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
