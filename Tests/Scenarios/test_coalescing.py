# SPDX-License-Identifier: Apache-2.0
"""One fetch for all who ask: whoever leaves, however slow the first one is, and whatever upstream does."""

import itertools
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from coalescing_site import BODY, CACHE, FINISH, SLICE, Site, assert_cut_off, assert_whole, running
from crowd import Crowd, Single, wait_until
from curl import HTTP_1, HTTP_2
from edge_node import EdgeNode
from reply_origin import Asked, Reply, ReplyOrigin, fresh


@pytest.fixture(scope="module")
def folder(work_folder: Path) -> Path:
    return work_folder / "coalescing"


@pytest.fixture(scope="module")
def site(folder: Path) -> Iterator[Site]:
    with running(folder, "crowd-edge") as site:
        yield site


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What an answer waits for; open in the end, whatever happens."""
    gate = threading.Event()
    yield gate
    gate.set()


# MARK: Who leaves, and who is slow


@pytest.mark.parametrize("version", [1, 2])
def test_the_first_leaves_before_the_head(site: Site, gate: threading.Event, version: int) -> None:
    path = site.path(fresh(body=BODY, head_gate=gate))
    first = Single(site.node, path, version)
    site.wait_for_readers(1)
    crowd = Crowd(site.node, path, http1=50, http2=50)
    site.wait_for_readers(101)
    first.leave()
    site.wait_for_readers(100)
    gate.set()
    assert_whole(crowd.seen(), BODY)
    assert len(site.origin.at(path)) == 1
    site.assert_idle()


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("length", [None, "chunked"])
def test_the_first_leaves_in_mid_body(
    site: Site, gate: threading.Event, length: str | None, version: int
) -> None:
    path = site.path(fresh(body=BODY, body_gate=gate, length=length))
    first = Single(site.node, path, version)
    assert first.read_status() == 200
    crowd = Crowd(site.node, path, http1=50, http2=50)
    site.wait_for_readers(101)
    first.leave()
    site.wait_for_readers(100)
    gate.set()
    assert_whole(crowd.seen(), BODY)
    assert len(site.origin.at(path)) == 1
    assert "hit" in site.get(path).headers["cache-status"]
    site.assert_idle()


def test_a_first_reader_of_one_kilobyte_a_second_holds_nobody_up(site: Site, gate: threading.Event) -> None:
    body = BODY * 3
    path = site.path(fresh(body=body, head_gate=gate))
    first = Single(site.node, path, receive_buffer=2048)
    site.wait_for_readers(1)
    crowd = Crowd(site.node, path, http1=50, http2=50)
    site.wait_for_readers(101)
    taken: list[int] = []
    stop = threading.Event()

    def read_slowly() -> None:
        while not stop.wait(0.1):
            taken.append(first.read(102))

    slow = threading.Thread(target=read_slowly)
    slow.start()
    started = time.monotonic()
    gate.set()
    assert_whole(crowd.seen(), body)
    assert time.monotonic() - started < 6
    stop.set()
    slow.join()
    assert 0 < sum(taken) < 20_000 and len(site.origin.at(path)) == 1
    first.leave()
    site.assert_idle()


def test_who_leaves_while_parked_leaves_nothing_behind(site: Site, gate: threading.Event) -> None:
    path = site.path(fresh(body=BODY, head_gate=gate))
    stays = Crowd(site.node, path, http1=25, http2=25)
    site.wait_for_readers(50)
    sizes = []
    for _ in range(6):
        leaves = Crowd(site.node, path, http1=300)
        site.wait_for_readers(350)
        leaves.leave(300)
        site.wait_for_readers(50)
        leaves.seen()
        sizes.append(site.node.resident_bytes())
    assert sizes[-1] - sizes[1] < 4 << 20, sizes
    assert site.fills == 1
    gate.set()
    assert_whole(stays.seen(), BODY)
    assert len(site.origin.at(path)) == 1
    site.assert_idle()
    wait_until(lambda: site.node.metric("spillway_connections_open") == 0)


@pytest.mark.parametrize("when", ["before the head", "small", "nearly done"])
def test_a_fill_that_is_worth_it_goes_on_without_readers(site: Site, gate: threading.Event, when: str) -> None:
    body = BODY[:FINISH] if when == "small" else BODY
    piece = len(body) * 3 // 4 if when == "nearly done" else 65_536
    if when == "before the head":
        path = site.path(fresh(body=body[:FINISH], head_gate=gate))
        body = body[:FINISH]
    else:
        path = site.path(fresh(body=body, body_gate=gate, piece=piece))
    cancelled = site.node.metric("spillway_fills_cancelled_total")
    crowd = Crowd(site.node, path, http1=20)
    site.wait_for_readers(20)
    crowd.leave(20)
    site.wait_for_readers(0)
    assert site.fills == 1
    gate.set()
    site.assert_idle()
    answer = site.get(path)
    assert answer.body == body and "hit" in answer.headers["cache-status"]
    assert len(site.origin.at(path)) == 1
    assert site.node.metric("spillway_fills_cancelled_total") == cancelled


@pytest.mark.parametrize("length", [None, "chunked"])
def test_a_large_fill_ends_with_its_last_reader(site: Site, gate: threading.Event, length: str | None) -> None:
    path = site.path(fresh(body=BODY * 4, body_gate=gate, length=length, piece_delay=0.02), fresh(body=BODY))
    cancelled = site.node.metric("spillway_fills_cancelled_total")
    crowd = Crowd(site.node, path, http1=20)
    site.wait_for_readers(20)
    crowd.leave(19)
    site.wait_for_readers(1)
    assert site.fills == 1, "one reader is enough"
    crowd.leave(1)
    wait_until(lambda: site.node.metric("spillway_fills_cancelled_total") == cancelled + 1)
    site.assert_idle()
    gate.set()
    wait_until(lambda: path in site.origin.cut_off)
    assert site.get(path).body == BODY
    assert len(site.origin.at(path)) == 2


def test_a_range_is_answered_as_soon_as_its_bytes_are_there(site: Site, gate: threading.Event) -> None:
    path = site.path(fresh(body=BODY, body_gate=gate, piece=2 * SLICE))
    first = Crowd(site.node, path, http1=2)
    site.wait_for_readers(2)
    answer = site.get(path, "-r", f"{SLICE}-{SLICE + 9999}")
    assert (answer.status, answer.body) == (206, BODY[SLICE : SLICE + 10_000])
    gate.set()
    assert_whole(first.seen(), BODY)
    assert len(site.origin.at(path)) == 1


# MARK: What upstream says to a thousand


@pytest.mark.parametrize("status", [404, 500])
def test_an_error_without_freshness_is_for_those_who_waited(site: Site, gate: threading.Event, status: int) -> None:
    path = site.path(Reply(status, body=b"no", head_gate=gate), Reply(200, body=b"later"))
    crowd = Crowd(site.node, path, http1=950, http2=50)
    site.wait_for_readers(1000)
    released = time.monotonic()
    gate.set()
    assert_whole(crowd.seen(), b"no", status)
    assert time.monotonic() - released < 5
    assert len(site.origin.at(path)) == 1
    assert site.get(path).body == b"later"
    site.assert_idle()


def test_a_thousand_who_want_what_is_not_stored_go_on_in_parallel(site: Site, gate: threading.Event) -> None:
    delay, numbers = 1.0, itertools.count()

    def own(_: Asked) -> Reply:
        number = next(numbers)
        return Reply(fields=[("cache-control", "no-store")], body=b"%d" % number, delay=delay if number else 0)

    path = site.path(Reply(fields=[("cache-control", "no-store")], body=b"first", head_gate=gate), own)
    crowd = Crowd(site.node, path, http1=950, http2=50)
    site.wait_for_readers(1000)
    released = time.monotonic()
    gate.set()
    seen = crowd.seen()
    took = time.monotonic() - released
    assert {(answer.status, answer.is_whole) for answer in seen} == {(200, True)}
    assert len({answer.digest for answer in seen}) == 1000, "a response for one was given to another"
    assert len(site.origin.at(path)) == 1000
    assert took < delay + 6, "they went one after another"
    site.assert_idle()
    # It is remembered: nobody waits for another's answer now.
    site.origin.replies[path] = [Reply(fields=[("cache-control", "no-store")], delay=0.3)]
    again = Crowd(site.node, path, http1=20)
    assert max(answer.seconds for answer in again.seen()) < 0.3 * 5
    assert len(site.origin.at(path)) == 1020


def test_who_waited_for_another_variant_waits_for_their_own(site: Site, gate: threading.Event) -> None:
    """Nobody knows of the variants before the first head is there; then each is fetched once."""

    def variant(asked: Asked) -> Reply:
        language = asked.fields["accept-language"]
        return fresh(fields=[("vary", "accept-language")], body=language.encode() * 50_000, head_gate=gate)

    path = site.path(variant)
    crowds = {name: Crowd(site.node, path, http1=50, more=f"accept-language: {name}") for name in ("de", "en", "fr")}
    site.wait_for_readers(150)
    assert len(site.origin.at(path)) == 1
    gate.set()
    for name, crowd in crowds.items():
        assert_whole(crowd.seen(), name.encode() * 50_000)
    assert sorted(asked.fields["accept-language"] for asked in site.origin.at(path)) == ["de", "en", "fr"]
    site.assert_idle()


def test_more_than_the_limit_of_fetches_wait_for_their_turn(folder: Path) -> None:
    """Few connections: all are answered all the same, as many at a time as there may be."""
    origin = ReplyOrigin()
    upstream = f"{{servers: [127.0.0.1:{origin.port}], connections: 20, fetchesMax: 20}}"
    node = EdgeNode(folder, "narrow-edge", upstream, workers=2)
    try:
        origin.replies["/n"] = [Reply(fields=[("cache-control", "private")], delay=0.05)]
        assert_whole(Crowd(node, "/n", http1=300).seen(), b"hello")
        assert len(origin.at("/n")) == 300
    finally:
        node.stop()
        origin.close()


# MARK: What breaks


@pytest.mark.parametrize("length", [None, "chunked"])
def test_a_reset_in_mid_body_is_a_cut_off_for_all(site: Site, gate: threading.Event, length: str | None) -> None:
    broken = fresh(body=BODY, head_gate=gate, reset_after=SLICE + 1000, length=length)
    path = site.path(broken, fresh(body=BODY))
    crowd = Crowd(site.node, path, http1=50, http2=50)
    site.wait_for_readers(100)
    failed = site.node.metric("spillway_fills_failed_total")
    gate.set()
    assert_cut_off(crowd.seen())
    assert site.node.metric("spillway_fills_failed_total") == failed + 1
    answer = site.get(path)
    assert answer.body == BODY and "hit" not in answer.headers["cache-status"]
    assert len(site.origin.at(path)) == 2
    site.assert_idle()


def test_a_body_shorter_than_was_said_is_never_whole(site: Site, gate: threading.Event) -> None:
    path = site.path(fresh(body=BODY, length=len(BODY) + 1000, head_gate=gate), fresh(body=BODY))
    crowd = Crowd(site.node, path, http1=50, http2=50)
    site.wait_for_readers(100)
    gate.set()
    assert_cut_off(crowd.seen())
    answer = site.get(path)
    assert answer.body == BODY and len(site.origin.at(path)) == 2


def test_bytes_beyond_what_was_said_reach_nobody(site: Site, gate: threading.Event) -> None:
    path = site.path(fresh(body=BODY, length=len(BODY) - 1000, head_gate=gate))
    crowd = Crowd(site.node, path, http1=50, http2=50)
    site.wait_for_readers(100)
    gate.set()
    assert_whole(crowd.seen(), BODY[:-1000])
    # The connection that they came on is not used again.
    for _ in range(5):
        assert site.get(site.path(fresh(body=b"another"))).body == b"another"


@pytest.mark.parametrize("length", [None, "chunked"])
@pytest.mark.parametrize("control", ["max-age=600", "no-store"])
def test_what_is_larger_than_an_object_may_be_is_passed_on(site: Site, length: str | None, control: str) -> None:
    body = BODY * 12
    assert len(body) > 8 << 20
    path = site.path(Reply(fields=[("cache-control", control)], body=body, length=length))
    if length and control != "no-store":
        # Too late to tell those who have its first bytes; from then on it is known.
        assert_cut_off(Crowd(site.node, path, http1=3).seen())
    for version in (HTTP_1, HTTP_2):
        assert site.get(path, version=version).body == body
    assert_whole(Crowd(site.node, path, http1=3).seen(), body)
    site.assert_idle()


def test_a_kill_in_mid_fill_is_a_cut_off_and_nothing_worse(folder: Path, gate: threading.Event) -> None:
    with running(folder, "killed-edge") as site:
        path = site.path(fresh(body=BODY, body_gate=gate), fresh(body=BODY))
        crowd = Crowd(site.node, path, http1=50, http2=50)
        site.wait_for_readers(100)
        site.node.program.kill()
        for answer in crowd.seen():
            assert (answer.status, answer.is_whole) == (200, False)
        again = EdgeNode(folder, "killed-edge", site.origin.port, cache=CACHE, workers=2)
        try:
            assert_whole(Crowd(again, path, http1=25, http2=25).seen(), BODY)
            assert len(site.origin.at(path)) == 2
        finally:
            again.stop()


def test_who_has_waited_too_long_gets_504(folder: Path, gate: threading.Event) -> None:
    with running(folder, "waiting-edge", cache="{waitMilliseconds: 800}") as site:
        path = site.path(fresh(body=BODY, head_gate=gate))
        seen = Crowd(site.node, path, http1=75, http2=25).seen()
        assert {(answer.status, answer.is_whole) for answer in seen} == {(504, True)}
        assert all(0.7 < answer.seconds < 3 for answer in seen)
        # The fill goes on, and so does the next crowd's wait for it: upstream is not asked again by those who waited.
        crowd = Crowd(site.node, path, http1=20)
        site.wait_for_readers(20)
        gate.set()
        assert_whole(crowd.seen(), BODY)
        assert len(site.origin.at(path)) == 1
        site.assert_idle()


# MARK: A playlist of one second


@pytest.mark.parametrize("control", ["max-age=1", "max-age=1, stale-while-revalidate=10"])
@pytest.mark.parametrize("is_validated", [False, True], ids=["replaced", "validated"])
def test_a_thousand_poll_a_playlist_of_one_second(site: Site, control: str, is_validated: bool) -> None:
    delay, numbers = 0.4, itertools.count()

    def playlist(asked: Asked) -> Reply:
        fields = [("cache-control", control), ("etag", '"same"')]
        if is_validated and asked.fields.get("if-none-match") == '"same"':
            return Reply(304, fields, b"", delay)
        return Reply(fields=fields, body=b"#EXTM3U %d\n" % next(numbers), delay=delay)

    path = site.path(playlist)
    site.get(path)
    command = ["h2load", "-c", "1000", "-m", "1", "--rps", "2", "-D", "4", site.node.plain(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    codes = re.search(r"status codes: (\d+) 2xx, (\d+) 3xx, (\d+) 4xx, (\d+) 5xx", done.stdout)
    assert codes and int(codes[1]) > 3000 and codes.groups()[1:] == ("0", "0", "0"), done.stdout
    times = [asked.at for asked in site.origin.at(path)]
    assert len(times) >= 3 and all(later - sooner > 0.95 for sooner, later in itertools.pairwise(times)), times
    longest = re.search(r"time for request:\s+\S+\s+([\d.]+)(us|ms|s)\s", done.stdout)
    assert longest, done.stdout
    seconds = float(longest[1]) * {"us": 1e-6, "ms": 1e-3, "s": 1}[longest[2]]
    assert seconds < (delay if "stale" in control else delay + 0.6), done.stdout
