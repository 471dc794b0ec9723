# SPDX-License-Identifier: Apache-2.0
"""Ranges and preconditions (RFC 9110 sections 13 and 14), in both versions of HTTP."""

import re
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from content_origin import FOREVER, Content, ContentOrigin
from curl import HTTP_1, HTTP_2, Answer, fetch
from edge_node import EdgeNode

VERSIONS = [HTTP_1, HTTP_2]
BODY = bytes(index * 7 % 251 for index in range(300_000))
LENGTH = len(BODY)
MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
FIELDS = {**FOREVER, "ETag": '"tag"', "Last-Modified": MODIFIED, "Content-Type": "video/mp4"}


class Site:
    def __init__(self, folder: Path) -> None:
        self.origin = ContentOrigin({"/a": Content(BODY, FIELDS), "/weak": Content(BODY, {**FIELDS, "ETag": 'W/"tag"'})})
        self.edge = EdgeNode(folder, "ranges", self.origin.port)

    def get(self, version: str, *fields: str, path: str = "/a", head: bool = False) -> Answer:
        options = [word for field in fields for word in ("-H", field)]
        more = ["-I"] if head else []
        return fetch(self.edge.secure(path), version, *options, *more, ca=self.edge.keys.ca)


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    folder = work_folder / "ranges"
    folder.mkdir()
    site = Site(folder)
    for path in ("/a", "/weak"):
        assert site.get(HTTP_1, path=path).body == BODY
    yield site
    site.edge.program.require_running()
    site.edge.stop()
    site.origin.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("field", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=100-199", 100, 199),
        ("bytes=262140-262150", 262_140, 262_150),
        ("bytes=299999-", LENGTH - 1, LENGTH - 1),
        ("bytes=-500", LENGTH - 500, LENGTH - 1),
        ("bytes=-999999", 0, LENGTH - 1),
        ("bytes=5-999999", 5, LENGTH - 1),
        ("Bytes=1-2", 1, 2),
        ("bytes=0-9,5-14", 0, 14),
        ("bytes=3-4,999999-", 3, 4),
    ],
)
def test_one_range(site: Site, version: str, field: str, first: int, last: int) -> None:
    answer = site.get(version, f"Range: {field}")
    assert (answer.status, answer.body) == (206, BODY[first : last + 1])
    assert answer.headers["content-range"] == f"bytes {first}-{last}/{LENGTH}"
    assert answer.headers["content-length"] == str(last - first + 1)
    assert (answer.headers["etag"], answer.headers["content-type"]) == ('"tag"', "video/mp4")


@pytest.mark.parametrize("version", VERSIONS)
def test_several_ranges(site: Site, version: str) -> None:
    answer = site.get(version, "Range: bytes=262000-262999, 0-9, -5")
    assert answer.status == 206
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert "content-range" not in answer.headers
    assert parts(answer) == [(262_000, 262_999), (0, 9), (LENGTH - 5, LENGTH - 1)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "field",
    ["items=0-1", "bytes=5-4", "bytes=a-b", "bytes=1", "bytes=" + ",".join(f"{n}000-{n}001" for n in range(17))],
)
def test_what_is_no_range_gets_the_whole(site: Site, version: str, field: str) -> None:
    answer = site.get(version, f"Range: {field}")
    assert (answer.status, len(answer.body)) == (200, LENGTH)


def test_as_many_ranges_as_are_allowed(site: Site) -> None:
    answer = site.get(HTTP_1, "Range: bytes=" + ",".join(f"{n}000-{n}001" for n in range(16)))
    assert parts(answer) == [(n * 1000, n * 1000 + 1) for n in range(16)]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("field", [f"bytes={LENGTH}-", "bytes=-0", f"bytes={LENGTH}-,{LENGTH + 5}-{LENGTH + 6}"])
def test_what_can_not_be_satisfied(site: Site, version: str, field: str) -> None:
    answer = site.get(version, f"Range: {field}")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{LENGTH}")
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("version", VERSIONS)
def test_head_ignores_ranges(site: Site, version: str) -> None:
    answer = site.get(version, "Range: bytes=0-1", head=True)
    assert (answer.status, answer.headers["content-length"]) == (200, str(LENGTH))


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("condition", "status"),
    [
        ('If-Range: "tag"', 206),
        ('If-Range: "other"', 200),
        ('If-Range: W/"tag"', 200),
        (f"If-Range: {MODIFIED}", 206),
        ("If-Range: Sunday, 06-Nov-94 08:49:37 GMT", 206),
        ("If-Range: Sun, 06 Nov 1994 08:49:38 GMT", 200),
        ('If-Match: "tag"', 206),
        ('If-Match: "other"', 412),
        ('If-None-Match: "tag"', 304),
    ],
)
def test_a_range_under_a_condition(site: Site, version: str, condition: str, status: int) -> None:
    assert site.get(version, "Range: bytes=0-9", condition).status == status


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        (['If-None-Match: "tag"'], 304),
        (['If-None-Match: W/"tag"'], 304),
        (['If-None-Match: "a", "b,c" , "tag"'], 304),
        (['If-None-Match: "a"', 'If-None-Match: "tag"'], 304),
        (["If-None-Match: *"], 304),
        (['If-None-Match: "other"'], 200),
        ([f"If-Modified-Since: {MODIFIED}"], 304),
        (["If-Modified-Since: Sun Nov  6 08:49:37 1994"], 304),
        (["If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT"], 200),
        (["If-Modified-Since: soon"], 200),
        (['If-None-Match: "other"', f"If-Modified-Since: {MODIFIED}"], 200),
        (['If-Match: "a", "tag"'], 200),
        (["If-Match: *"], 200),
        (['If-Match: "a"'], 412),
        (['If-Match: W/"tag"'], 412),
        ([f"If-Unmodified-Since: {MODIFIED}"], 200),
        (["If-Unmodified-Since: Sat, 05 Nov 1994 08:49:37 GMT"], 412),
        (['If-Match: "tag"', "If-Unmodified-Since: Sat, 05 Nov 1994 08:49:37 GMT"], 200),
        (['If-Match: "a"', 'If-None-Match: "tag"'], 412),
    ],
)
def test_preconditions(site: Site, version: str, conditions: list[str], status: int) -> None:
    for head in (False, True):
        assert site.get(version, *conditions, head=head).status == status


def test_a_weak_tag_allows_no_range(site: Site) -> None:
    assert site.get(HTTP_1, "Range: bytes=0-1", 'If-Range: W/"tag"', path="/weak").status == 200
    assert site.get(HTTP_1, 'If-Match: W/"tag"', path="/weak").status == 412
    assert site.get(HTTP_1, 'If-None-Match: "tag"', path="/weak").status == 304


@pytest.mark.parametrize("version", VERSIONS)
def test_304_has_the_fields_that_a_cache_needs_and_no_more(site: Site, version: str) -> None:
    answer = site.get(version, 'If-None-Match: "tag"')
    whole = site.get(version)
    assert answer.body == b""
    for name in ("etag", "cache-control", "date", "last-modified"):
        assert answer.headers[name] == whole.headers[name]
    assert not {"content-type", "content-length", "content-range"} & set(answer.headers)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_range_of_what_is_still_arriving_waits_for_its_bytes(site: Site, version: str) -> None:
    path = f"/slow{version}"
    content = site.origin.contents[path] = Content(BODY, FIELDS, pause_after=200_000)
    answers: dict[str, Answer] = {}

    def get(name: str, field: str) -> threading.Thread:
        thread = threading.Thread(target=lambda: answers.update({name: site.get(version, f"Range: {field}", path=path)}))
        thread.start()
        return thread

    whole = get("whole", "bytes=0-")
    deadline = time.monotonic() + 10
    while not site.origin.asked[path] and time.monotonic() < deadline:
        time.sleep(0.02)
    get("there", "bytes=100-199").join(10)
    assert answers["there"].body == BODY[100:200]
    waiting = [get("later", "bytes=250000-250009"), get("both", "bytes=250000-250009,0-9")]
    time.sleep(0.3)
    assert "later" not in answers and "both" not in answers
    content.released.set()
    for thread in [whole, *waiting]:
        thread.join(10)
    assert answers["later"].body == BODY[250_000:250_010]
    assert parts(answers["both"]) == [(250_000, 250_009), (0, 9)]
    assert (answers["whole"].status, answers["whole"].body) == (206, BODY)
    assert site.origin.asked[path] == 1


def test_curl_puts_a_download_together(site: Site, tmp_path: Path) -> None:
    """A transfer that was broken off goes on where it stopped."""
    target = tmp_path / "part"
    target.write_bytes(BODY[:123_456])
    command = ["curl", "-sS", "--cacert", str(site.edge.keys.ca), "-C", "-", "-o", str(target), site.edge.secure("/a")]
    assert subprocess.run(command, timeout=30).returncode == 0
    assert target.read_bytes() == BODY


def parts(answer: Answer) -> list[tuple[int, int]]:
    """First and last byte of each part of a multipart answer; asserts that each holds the right bytes."""
    found = re.fullmatch(r"multipart/byteranges; boundary=([0-9A-Za-z-]{1,70})", answer.headers["content-type"])
    assert found, answer.headers
    boundary = b"--" + found.group(1).encode()
    first, *middle, end = (b"\r\n" + answer.body).split(b"\r\n" + boundary)
    assert (first, end) == (b"", b"--\r\n")
    seen = []
    for part in middle:
        head, _, body = part.partition(b"\r\n\r\n")
        assert b"\r\nContent-Type: video/mp4" in head
        where = re.search(rb"\r\nContent-Range: bytes (\d+)-(\d+)/(\d+)", head)
        assert where and int(where.group(3)) == LENGTH
        start, last = int(where.group(1)), int(where.group(2))
        assert body == BODY[start : last + 1]
        seen.append((start, last))
    return seen
