# SPDX-License-Identifier: Apache-2.0
"""When a client takes a segment, the next one is fetched: from the playlist, from what the player says, within limits."""

import itertools
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from curl import Answer, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh
from stack.paths import program
from stack.ports import free_ports
from stack.stack import Stack
from viewer import sign

SECONDS_MAX = 5.0
# Nothing is fetched ahead if nothing has been within this time.
QUIET_SECONDS = 0.4
PLAYLIST_TYPE = ("content-type", "application/vnd.apple.mpegurl")
_numbers = itertools.count()


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"not within {SECONDS_MAX} s: {what}"
        time.sleep(0.01)


def playlist(uris: list[str], is_complete: bool = True) -> bytes:
    lines = ["#EXTM3U", "#EXT-X-TARGETDURATION:4", '#EXT-X-MAP:URI="init.mp4"']
    lines += [line for uri in uris for line in ("#EXTINF:4,", uri)]
    return "\n".join([*lines, *(["#EXT-X-ENDLIST"] if is_complete else []), ""]).encode()


@dataclass(frozen=True)
class Site:
    origin: ReplyOrigin
    node: EdgeNode

    def folder(self, segments: int = 6, segment: Reply | None = None, **more: Reply) -> str:
        """A folder with a playlist of `segments` segments 0.m4s, 1.m4s and so on; `more` are other names."""
        folder = f"/v/{next(_numbers)}/720p"
        names = [f"{index}.m4s" for index in range(segments)]
        self.origin.replies[f"{folder}/index.m3u8"] = [fresh(fields=[PLAYLIST_TYPE], body=playlist(names))]
        for name in names:
            self.origin.replies[f"{folder}/{name}"] = [segment or fresh(body=name.encode() * 1000)]
        for name, reply in more.items():
            self.origin.replies[f"{folder}/{name.replace('_', '.')}"] = [reply]
        return folder

    def get(self, path: str, *options: str) -> Answer:
        return fetch(self.node.secure(path), *options, ca=self.node.keys.ca, seconds=20)

    def take_playlist(self, folder: str) -> None:
        """It is read in the background, within a moment."""
        assert self.get(f"{folder}/index.m3u8").status == 200
        time.sleep(0.1)

    def asked(self, folder: str) -> list[str]:
        """What was asked of the origin in a folder, without the playlist; by name, because a segment and what follows it may
        come over different connections in either order."""
        paths = [asked.path for asked in self.origin.asked]
        return sorted(path.rsplit("/", 1)[1] for path in paths if path.startswith(f"{folder}/") and "m3u8" not in path)

    def metric(self, name: str) -> int:
        return self.node.metric(f"spillway_prefetches_{name}")


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    yield from serve(work_folder, "prefetch-edge")


def serve(folder: Path, name: str, prefetch: str = "{}", cache: str = "{}") -> Iterator[Site]:
    origin = ReplyOrigin()
    node = EdgeNode(folder / name, name, origin.port, workers=2, cache=cache, more=f"prefetch: {prefetch}\n")
    try:
        yield Site(origin, node)
    finally:
        node.stop()
        origin.close()


@pytest.fixture
def other(work_folder: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """An edge with what the test says under `prefetch` and `cache`."""
    yield from serve(work_folder, f"prefetch-{next(_numbers)}", **request.param)


def configured(**texts: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("other", [texts], indirect=True, ids=["set"])


# From the playlist


def test_the_next_segment_is_there_when_it_is_asked_for(site: Site) -> None:
    folder = site.folder()
    site.take_playlist(folder)
    begun, used = site.metric("total"), site.metric("used_total")
    misses = site.node.metric("spillway_cache_misses_total")
    assert "fwd=uri-miss" in site.get(f"{folder}/3.m4s").headers["cache-status"]
    until(lambda: site.asked(folder) == ["3.m4s", "4.m4s"], "segment 4 is asked for")
    # What was fetched ahead leads to nothing more by itself.
    time.sleep(QUIET_SECONDS)
    assert site.asked(folder) == ["3.m4s", "4.m4s"]
    answer = site.get(f"{folder}/4.m4s")
    assert "; hit" in answer.headers["cache-status"]
    assert answer.body == b"4.m4s" * 1000
    until(lambda: site.asked(folder) == ["3.m4s", "4.m4s", "5.m4s"], "segment 5 is asked for")
    # Neither a hit nor a miss, and each segment leads to the next one once.
    assert site.node.metric("spillway_cache_misses_total") == misses + 1
    for _ in range(3):
        site.get(f"{folder}/4.m4s")
    assert (site.metric("total") - begun, site.metric("used_total") - used) == (2, 1)


def test_a_hit_leads_to_the_next_segment_too(site: Site) -> None:
    folder = site.folder()
    site.get(f"{folder}/1.m4s")
    site.take_playlist(folder)
    time.sleep(2.1)  # as long as what no playlist names is left alone
    assert "; hit" in site.get(f"{folder}/1.m4s").headers["cache-status"]
    until(lambda: site.asked(folder) == ["1.m4s", "2.m4s"], "segment 2 is asked for")


def test_nothing_comes_behind_the_last_segment(site: Site) -> None:
    folder = site.folder(segments=3)
    site.take_playlist(folder)
    site.get(f"{folder}/2.m4s")
    time.sleep(QUIET_SECONDS)
    assert site.asked(folder) == ["2.m4s"]


def test_a_client_that_comes_meanwhile_joins(site: Site) -> None:
    gate = threading.Event()
    folder = site.folder(**{"1_m4s": fresh(body=b"late", head_gate=gate)})
    site.take_playlist(folder)
    site.get(f"{folder}/0.m4s")
    until(lambda: "1.m4s" in site.asked(folder), "segment 1 is asked for")
    threading.Timer(0.2, gate.set).start()
    answer = site.get(f"{folder}/1.m4s")
    assert answer.body == b"late" and "collapsed" in answer.headers["cache-status"]
    assert site.asked(folder).count("1.m4s") == 1


def test_a_live_playlist_that_has_grown_counts(site: Site) -> None:
    folder = site.folder()
    path = f"{folder}/index.m3u8"
    short = fresh(1, fields=[PLAYLIST_TYPE], body=playlist(["0.m4s", "1.m4s"], is_complete=False))
    long = fresh(1, fields=[PLAYLIST_TYPE], body=playlist(["1.m4s", "2.m4s"], is_complete=False))
    site.origin.replies[path] = [short, long]
    site.take_playlist(folder)
    site.get(f"{folder}/1.m4s")
    time.sleep(2.1)
    assert site.asked(folder) == ["1.m4s"]
    site.take_playlist(folder)
    assert len(site.origin.at(path)) == 2
    site.get(f"{folder}/1.m4s")
    until(lambda: site.asked(folder) == ["1.m4s", "2.m4s"], "segment 2 is asked for")


def test_what_may_not_be_stored_is_dropped_and_not_tried_in_a_loop(site: Site) -> None:
    refused = Reply(fields=[("cache-control", "no-store")], body=b"x" * 100_000)
    folder = site.folder(**{"1_m4s": refused})
    site.take_playlist(folder)
    wasted = site.metric("wasted_total")
    for _ in range(5):
        site.get(f"{folder}/0.m4s")
    until(lambda: site.metric("wasted_total") == wasted + 1, "it is counted as wasted")
    time.sleep(QUIET_SECONDS)
    assert site.asked(folder) == ["0.m4s", "1.m4s"]
    # The client gets its own.
    assert site.get(f"{folder}/1.m4s").body == b"x" * 100_000


def test_a_failure_ahead_is_no_failure_of_the_client(site: Site) -> None:
    folder = site.folder(**{"1_m4s": Reply(404, body=b"not yet")})
    site.take_playlist(folder)
    assert site.get(f"{folder}/0.m4s").status == 200
    until(lambda: "1.m4s" in site.asked(folder), "segment 1 is asked for")
    site.origin.replies[f"{folder}/1.m4s"] = [fresh(body=b"now")]
    time.sleep(QUIET_SECONDS)
    assert site.get(f"{folder}/1.m4s").body == b"now"


# From the player


@pytest.mark.parametrize("is_field", [True, False], ids=["field", "query"])
def test_a_player_says_what_comes_next(site: Site, is_field: bool) -> None:
    folder = site.folder()
    if is_field:
        site.get(f"{folder}/0.m4s", "-H", 'CMCD-Request: bl=21300,nor="5.m4s",su')
    else:
        site.get(f"{folder}/0.m4s?CMCD=bl%3D21300%2Cnor%3D%225.m4s%22")
    until(lambda: site.asked(folder) == ["0.m4s", "5.m4s"], "segment 5 is asked for")
    assert "; hit" in site.get(f"{folder}/5.m4s").headers["cache-status"]


@pytest.mark.parametrize("reference", ["../480p/5.m4s", "/v/other/5.m4s", "https://a.example/5.m4s", "sub/5.m4s", ""])
def test_what_lies_elsewhere_is_not_fetched(site: Site, reference: str) -> None:
    folder = site.folder()
    before = len(site.origin.asked)
    foreign = site.metric('skipped_total{reason="foreign"}')
    site.get(f"{folder}/0.m4s", "-H", f'CMCD-Request: nor="{reference.replace("/", "%2F")}"')
    time.sleep(QUIET_SECONDS)
    assert len(site.origin.asked) == before + 1
    assert site.metric('skipped_total{reason="foreign"}') == foreign + (1 if reference else 0)


def test_what_a_player_says_makes_no_other_object(site: Site) -> None:
    folder = site.folder()
    site.get(f"{folder}/0.m4s")
    for query in ["?CMCD=bl%3D1", "?CMCD=bl%3D2%2Csu", "?CMCD="]:
        assert "; hit" in site.get(f"{folder}/0.m4s{query}").headers["cache-status"]
    site.origin.replies[f"{folder}/1.m4s?a=1&b=2"] = [fresh(body=b"with a query")]
    answer = site.get(f"{folder}/1.m4s?a=1&CMCD=bl%3D1&b=2")
    assert answer.body == b"with a query"
    assert "; hit" in site.get(f"{folder}/1.m4s?CMCD=bl%3D7&a=1&b=2").headers["cache-status"]
    assert site.asked(folder) == ["0.m4s", "1.m4s?a=1&b=2"]


# Limits


@configured(prefetch="{enabled: false}")
def test_it_can_be_turned_off(other: Site) -> None:
    folder = other.folder()
    other.take_playlist(folder)
    other.get(f"{folder}/0.m4s", "-H", 'CMCD-Request: nor="1.m4s"')
    time.sleep(QUIET_SECONDS)
    assert other.asked(folder) == ["0.m4s"]


@configured(prefetch="{segmentsAhead: 3}")
def test_several_segments_may_be_fetched(other: Site) -> None:
    folder = other.folder()
    other.take_playlist(folder)
    other.get(f"{folder}/0.m4s")
    until(lambda: sorted(other.asked(folder)) == [f"{index}.m4s" for index in range(4)], "three more")
    other.get(f"{folder}/1.m4s")
    until(lambda: "4.m4s" in other.asked(folder), "segment 4 is asked for")
    assert len(other.asked(folder)) == 5


@configured(prefetch="{segmentsAhead: 4, concurrent: 2}")
def test_no_more_than_so_many_are_under_way(other: Site) -> None:
    gate = threading.Event()
    slow = fresh(body=b"slow", head_gate=gate)
    folder = other.folder(segments=8, **{f"{index}_m4s": slow for index in range(1, 8)})
    other.take_playlist(folder)
    other.get(f"{folder}/0.m4s")
    until(lambda: other.metric('skipped_total{reason="busy"}') == 2, "two are skipped")
    time.sleep(QUIET_SECONDS)
    assert sorted(other.asked(folder)) == ["0.m4s", "1.m4s", "2.m4s"]
    gate.set()
    time.sleep(2.1)
    other.get(f"{folder}/0.m4s")
    until(lambda: sorted(other.asked(folder)) == [f"{index}.m4s" for index in range(5)], "the others later")


@configured(prefetch="{objectBytes: 64KiB}", cache="{finishBytes: 0}")
@pytest.mark.parametrize("length", [None, "chunked"])
def test_a_long_response_is_given_up(other: Site, length: str | None) -> None:
    long = fresh(body=bytes(2_000_000), length=length, piece_delay=0.05)
    folder = other.folder(**{"1_m4s": long})
    other.take_playlist(folder)
    other.get(f"{folder}/0.m4s")
    until(lambda: other.metric("wasted_total") == 1, "it is given up")
    assert other.node.metric("spillway_cache_memory_bytes") < 64_000


@configured(prefetch="{memoryPercent: 1}", cache="{memoryBytes: 1MiB, objectBytes: 1MiB}")
def test_nothing_is_fetched_without_room(other: Site) -> None:
    folder = other.folder(large=fresh(body=bytes(100_000)))
    other.take_playlist(folder)
    # Bodies may take 1.5 MiB; this is more than one per cent of it.
    other.get(f"{folder}/large")
    other.get(f"{folder}/0.m4s")
    until(lambda: other.metric('skipped_total{reason="memory"}') == 1, "it is skipped")
    time.sleep(QUIET_SECONDS)
    assert other.asked(folder) == ["0.m4s", "large"]


def test_the_first_use_of_what_was_fetched_ahead_is_no_second_one(work_folder: Path) -> None:
    """The disk is written at the second use: fetching ahead is none."""
    disk = f"{{disk: {{folder: {work_folder / 'prefetch-disk-tier'}, bytes: 64MiB}}}}"
    for other in serve(work_folder, "prefetch-disk", cache=disk):
        folder = other.folder()
        other.take_playlist(folder)
        other.get(f"{folder}/0.m4s")
        until(lambda: "1.m4s" in other.asked(folder), "segment 1 is asked for")
        time.sleep(0.1)
        assert "; hit" in other.get(f"{folder}/1.m4s").headers["cache-status"]
        time.sleep(QUIET_SECONDS)
        assert other.node.metric("spillway_cache_disk_objects") == 0
        other.get(f"{folder}/1.m4s")
        until(lambda: other.node.metric("spillway_cache_disk_objects") == 1, "it is on disk")


# Tokens


def test_what_is_fetched_ahead_opens_to_a_token_alone(edge_stack: Stack, site: Site) -> None:
    folder = site.folder()
    port, admin = free_ports(2)
    edge = edge_stack.start_edge("prefetch-token-edge", port, admin, site.origin.port)
    address = f"https://127.0.0.1:{port}"
    token = sign(edge_stack.keys.token_key, f"{folder}/*", seconds=600)

    def get(path: str) -> Answer:
        return fetch(f"{address}{path}", ca=edge_stack.keys.ca)

    assert get(f"/hdnts={token}{folder}/index.m3u8").status == 200
    time.sleep(0.1)
    assert get(f"/hdnts={token}{folder}/0.m4s").status == 200
    # The origin sees the path alone.
    until(lambda: site.asked(folder) == ["0.m4s", "1.m4s"], "segment 1 is asked for")
    assert get(f"{folder}/1.m4s").status == 403
    assert "; hit" in get(f"/hdnts={token}{folder}/1.m4s").headers["cache-status"]
    edge.stop()
    edge_stack.forget(edge)


# What it brings


def test_a_walk_takes_less_time(tmp_path: Path) -> None:
    command = [str(program("loadtest")), "walk", "--edge", str(program("edge")), "--folder", str(tmp_path / "walk")]
    command += ["--viewers", "4", "--segments", "6", "--origin-milliseconds", "100", "--think-milliseconds", "300"]
    walk = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert walk.returncode == 0, walk.stdout + walk.stderr
    medians = [float(value) for value in re.findall(r"^\S.*? later +20 +([0-9.]+)", walk.stdout, re.MULTILINE)]
    assert len(medians) == 2, walk.stdout
    assert medians[0] >= 100 and medians[1] < 50
