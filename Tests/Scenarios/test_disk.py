# SPDX-License-Identifier: Apache-2.0
"""The disk tier: what is asked for twice outlives memory, restarts and kills, and never comes back wrong."""

import hashlib
import itertools
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from curl import HTTP_1, HTTP_2, Answer, fetch
from edge_node import EdgeNode
from reply_origin import Asked, Reply, ReplyOrigin, serve_ranges

SLICE = 262_144
FIELDS = [("cache-control", "max-age=3600, stale-if-error=3600"), ("etag", '"a"'), ("content-type", "video/mp4")]
MEMORY = "8MiB"
_numbers = itertools.count()


def body(seed: str, size: int) -> bytes:
    """Bytes that belong to this name and no other."""
    return hashlib.shake_128(seed.encode()).digest(size)


@dataclass
class Site:
    """An edge with little memory and a disk, in front of an origin; `restart` makes the process anew."""

    folder: Path
    origin: ReplyOrigin
    node: EdgeNode

    @staticmethod
    def start(folder: Path, origin: ReplyOrigin) -> "Site":
        return Site(folder, origin, Site.node_for(folder, origin))

    @staticmethod
    def node_for(folder: Path, origin: ReplyOrigin, methods: str = "read", fields: str = "none") -> EdgeNode:
        disk = f"{{folder: {folder / 'cache'}, bytes: 64MiB, freshSeconds: 2}}"
        return EdgeNode(
            folder, "disk-edge", origin.port, workers=2,
            cache=f"{{memoryBytes: {MEMORY}, objectBytes: 4MiB, disk: {disk}}}", requests=f"{{methods: {methods}, fields: {fields}}}",
        )  # fmt: skip

    def restart(self, *, by_kill: bool = False, methods: str = "read", fields: str = "none") -> None:
        if by_kill:
            self.node.program.kill()
        else:
            assert self.node.stop() == 0
        self.node = Site.node_for(self.folder, self.origin, methods, fields)

    def path(self, size: int, fields: list[tuple[str, str]] = FIELDS) -> tuple[str, bytes]:
        path = f"/d/{next(_numbers)}"
        content = body(path, size)
        self.origin.replies[path] = [serve_ranges(content, fields)]
        return path, content

    def get(self, path: str, *options: str, version: str = HTTP_2) -> Answer:
        return fetch(self.node.secure(path), version, *options, ca=self.node.keys.ca, seconds=20)

    def store(self, path: str) -> None:
        """Asks twice and waits until the object is on disk."""
        before = self.node.metric("spillway_cache_disk_objects")
        for _ in range(2):
            assert self.get(path).status == 200
        self.wait_for("spillway_cache_disk_objects", before + 1)

    def wait_for(self, metric: str, least: int, seconds: float = 10) -> None:
        deadline = time.monotonic() + seconds
        while (seen := self.node.metric(metric)) < least:
            assert time.monotonic() < deadline, f"{metric} is {seen}, not {least}"
            time.sleep(0.02)

    def log(self) -> str:
        return self.node.program.log.read_text()


@pytest.fixture
def site(work_folder: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    folder = work_folder / f"disk-{next(_numbers)}"
    origin = ReplyOrigin()
    site = Site.start(folder, origin)
    yield site
    site.node.stop()
    origin.close()
    shutil.rmtree(folder / "cache", ignore_errors=True)


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize("size", [0, 1, SLICE, 3 * SLICE + 77])
def test_what_is_asked_for_twice_outlives_a_restart(site: Site, size: int, version: str) -> None:
    path, content = site.path(size)
    site.store(path)
    time.sleep(1.1)
    site.restart()
    answer = site.get(path, version=version)
    assert (answer.status, answer.body, answer.headers["etag"]) == (200, content, '"a"')
    assert "hit; detail=disk" in answer.headers["cache-status"]
    assert int(answer.headers["age"]) >= 1, "the time on disk is part of the age"
    assert "hit" in site.get(path, version=version).headers["cache-status"]
    assert len(site.origin.at(path)) == 1


def test_one_hit_wonders_stay_out(site: Site) -> None:
    for _ in range(20):
        site.get(site.path(1000)[0])
    time.sleep(0.3)
    assert site.node.metric("spillway_cache_disk_objects") == 0
    assert site.node.metric("spillway_cache_disk_writes_total") == 0


def test_a_second_request_is_noticed_after_memory_has_forgotten_the_first(site: Site) -> None:
    path, content = site.path(SLICE)
    site.get(path)
    for _ in range(60):
        site.get(site.path(SLICE)[0])
    assert site.node.metric("spillway_cache_disk_objects") == 0
    assert site.get(path).body == content
    site.wait_for("spillway_cache_disk_objects", 1)
    assert len(site.origin.at(path)) == 2


def test_what_has_left_memory_comes_from_the_disk(site: Site) -> None:
    stored = [site.path(3 * SLICE) for _ in range(16)]
    for path, _ in stored:
        site.store(path)
    for path, content in stored:
        assert site.get(path).body == content
        assert len(site.origin.at(path)) == 1
    assert site.node.metric("spillway_cache_memory_bytes") <= 8 << 20
    assert site.node.metric("spillway_cache_disk_reads_total") > 0


def test_what_is_short_lived_is_not_written(site: Site) -> None:
    path, _ = site.path(1000, [("cache-control", "max-age=1")])
    for _ in range(3):
        site.get(path)
    time.sleep(0.3)
    assert site.node.metric("spillway_cache_disk_writes_total") == 0


def test_slices_are_stored_and_completed(site: Site) -> None:
    path, content = site.path(9 * SLICE)
    for _ in range(2):
        assert site.get(path, "-r", f"{4 * SLICE}-{4 * SLICE + 9}").body == content[4 * SLICE : 4 * SLICE + 10]
    site.wait_for("spillway_cache_disk_objects", 1)
    site.restart()
    assert site.get(path, "-r", f"{4 * SLICE}-{4 * SLICE + 9}").body == content[4 * SLICE : 4 * SLICE + 10]
    assert len(site.origin.at(path)) == 1
    assert site.get(path).body == content
    ranges = [asked.fields.get("range") for asked in site.origin.at(path)]
    assert f"bytes={4 * SLICE}-{5 * SLICE - 1}" not in ranges[1:], "a slice on disk was fetched again"


def test_a_stale_object_on_disk_is_validated(site: Site) -> None:
    fields = [("cache-control", "max-age=4"), ("etag", '"a"')]
    path, content = site.path(2 * SLICE, fields)
    site.store(path)
    site.restart()
    site.origin.replies[path] = [Reply(304, [("cache-control", "max-age=60"), ("etag", '"a"')])]
    time.sleep(4)
    answer = site.get(path)
    assert (answer.status, answer.body) == (200, content)
    assert "fwd-status=304" in answer.headers["cache-status"]
    site.restart()
    assert site.get(path).body == content
    assert len(site.origin.at(path)) == 2, "the newer head is on disk"


def test_an_unsafe_method_reaches_the_disk(site: Site) -> None:
    """RFC 9111 section 4.4: what is on disk is no more to be used than what is in memory."""
    path, _ = site.path(1000)
    site.store(path)
    site.origin.replies[path] = [Reply(200, body=b"done")]
    site.restart(methods="all")
    assert site.get(path, "-X", "POST", "-d", "x").body == b"done"
    site.origin.replies[path] = [Reply(fields=[FIELDS[0], ("etag", '"b"')], body=b"newer")]
    assert site.get(path).body == b"newer"


def test_what_is_on_disk_stands_in_for_a_failing_upstream(site: Site) -> None:
    path, content = site.path(3 * SLICE + 5, [("cache-control", "max-age=4, stale-if-error=600"), ("etag", '"a"')])
    site.store(path)
    site.restart()
    site.origin.replies[path] = [Reply(drops=True)]
    time.sleep(4)
    for _ in range(3):
        answer = site.get(path)
        assert (answer.status, answer.body) == (200, content)
        assert "stale-if-error" in answer.headers["cache-status"]
    first = len(site.origin.at(path))
    assert first > 1, "upstream was asked, and failed"
    site.origin.replies[path] = [Reply(fields=FIELDS, body=b"newer")]
    time.sleep(1.2)
    assert site.get(path).body == b"newer"


def test_a_part_on_disk_does_not_stand_in(site: Site) -> None:
    """What is not all there can not be completed by an upstream that fails."""
    path, content = site.path(8 * SLICE, [("cache-control", "max-age=4, stale-if-error=600"), ("etag", '"a"')])
    for _ in range(2):
        assert site.get(path, "-r", "0-9").body == content[:10]
    site.wait_for("spillway_cache_disk_objects", 1)
    site.restart()
    site.origin.replies[path] = [Reply(drops=True)]
    time.sleep(4)
    assert site.get(path).status == 502


# MARK: Variants


def languages(asked: Asked) -> Reply:
    """The same path in several languages."""
    language = asked.fields.get("accept-language", "none")
    return Reply(
        fields=[("cache-control", "max-age=3600"), ("etag", f'"{language}"'), ("vary", "Accept-Language")],
        body=body(asked.path + language, SLICE + 9),
    )


def get_in(site: Site, path: str, language: str) -> tuple[bool, str]:
    """Whether the body is of that language, and what the edge says of where it was."""
    answer = site.get(path, "-H", f"Accept-Language: {language}")
    return answer.body == body(path + language, SLICE + 9), answer.headers["cache-status"]


def test_variants_outlive_a_restart(site: Site) -> None:
    path = f"/d/{next(_numbers)}"
    site.origin.replies[path] = [languages]
    site.restart(fields="all")
    for language in ("de", "de", "fr", "fr", "it"):
        assert get_in(site, path, language)[0]
    # The record of variants, and two of them: the third was asked for once.
    site.wait_for("spillway_cache_disk_objects", 3)
    site.restart(fields="all", by_kill=True)
    for language in ("fr", "de"):
        is_right, status = get_in(site, path, language)
        assert is_right and "hit; detail=disk" in status, (language, status)
    assert len(site.origin.at(path)) == 3
    is_right, status = get_in(site, path, "it")
    assert is_right and "fwd=" in status
    assert len(site.origin.at(path)) == 4
    # Where no field goes upstream, what was stored by one is not found.
    site.restart()
    assert site.get(path, "-H", "Accept-Language: de").body == body(path + "none", SLICE + 9)


def test_an_unsafe_method_reaches_all_variants_on_disk(site: Site) -> None:
    path = f"/d/{next(_numbers)}"
    site.origin.replies[path] = [languages]
    site.restart(fields="all", methods="all")
    for language in ("de", "de", "fr", "fr"):
        assert get_in(site, path, language)[0]
    site.wait_for("spillway_cache_disk_objects", 3)
    site.restart(fields="all", methods="all")
    assert site.get(path, "-X", "POST", "-d", "x").status == 200
    asked = len(site.origin.at(path))
    for _ in range(2):
        # With "de" stored again there is a record again: "fr" must not be found by it.
        assert get_in(site, path, "de")[0]
    assert len(site.origin.at(path)) == asked + 1
    site.wait_for("spillway_cache_disk_objects", 3)
    site.restart(fields="all", methods="all")
    assert "detail=disk" in get_in(site, path, "de")[1]
    is_right, status = get_in(site, path, "fr")
    assert is_right and "fwd=" in status


@pytest.mark.parametrize("damage", ["garbage", "short", "empty"])
def test_a_bad_database_is_set_aside(site: Site, damage: str) -> None:
    path, content = site.path(SLICE)
    site.store(path)
    site.node.stop()
    database = next(file for file in (site.folder / "cache").iterdir() if file.suffix == ".mdb")
    if damage == "garbage":
        database.write_bytes(b"not a database " * 5000)
    elif damage == "short":
        with database.open("r+b") as file:
            file.truncate(4096 * 3)
    else:
        database.write_bytes(b"")
    site.node = Site.node_for(site.folder, site.origin)
    assert site.get(path).body == content
    assert len(site.origin.at(path)) == 2
    if damage != "empty":
        assert "set aside" in site.log()


def test_two_nodes_do_not_share_a_folder(site: Site) -> None:
    with pytest.raises(Exception, match="in use|ended|exit"):
        Site.node_for(site.folder, site.origin)


def test_kills_under_load_leave_nothing_wrong(site: Site) -> None:
    """The full run of fifty kills is `make soak`; here are five."""
    run_kills(site, kills=5)


@pytest.mark.soak
def test_fifty_kills_under_load_leave_nothing_wrong(site: Site) -> None:
    run_kills(site, kills=50)


def run_kills(site: Site, kills: int) -> None:
    objects = [site.path(size) for size in (500, 70_000, SLICE, 2 * SLICE + 1, 900_000) for _ in range(8)]
    wrong: list[str] = []
    for kill in range(kills):
        stopping = threading.Event()
        readers = [
            threading.Thread(target=read_until, args=(site.node, objects, number, stopping, wrong)) for number in range(4)
        ]
        for reader in readers:
            reader.start()
        time.sleep(0.2 + 0.7 * (kill * 37 % 11) / 11)
        committed = site.node.metric("spillway_cache_disk_objects")
        site.node.program.kill()
        stopping.set()
        for reader in readers:
            reader.join()
        started = time.monotonic()
        site.node = Site.node_for(site.folder, site.origin)
        assert time.monotonic() - started < 3
        assert site.node.metric("spillway_cache_disk_objects") >= committed, "something committed is gone"
        assert site.node.metric("spillway_cache_disk_set_aside_total") == 0
    for path, content in objects:
        assert site.get(path).body == content
    assert not wrong, wrong[:5]
    assert site.node.metric("spillway_cache_disk_checksum_failures_total") == 0


def read_until(
    node: EdgeNode, objects: list[tuple[str, bytes]], number: int, stopping: threading.Event, wrong: list[str]
) -> None:
    """Reads until the node is gone; a body that came whole must be right."""
    for index in itertools.count(number * 7):
        if stopping.is_set():
            return
        path, content = objects[index * (number + 1) % len(objects)]
        command = ["curl", "-s", "--max-time", "10", "--fail", node.plain(path)]
        done = subprocess.run(command, capture_output=True, timeout=15)
        if done.returncode == 0 and done.stdout != content:
            wrong.append(f"{path}: {len(done.stdout)} bytes of {len(content)}")
