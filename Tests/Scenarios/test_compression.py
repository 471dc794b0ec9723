# SPDX-License-Identifier: Apache-2.0
"""gzip for playlists: negotiated, made once, and never mixed up with the body as it is."""

import gzip
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from content_origin import FOREVER, Content, ContentOrigin
from curl import HTTP_1, HTTP_2, Answer, fetch
from edge_node import EdgeNode

VERSIONS = [HTTP_1, HTTP_2]
PLAYLIST = b"#EXTM3U\n" + b"".join(b"#EXTINF:6.000,\n%d.m4s\n" % index for index in range(600))
FIELDS = {**FOREVER, "ETag": '"list"', "Content-Type": "application/vnd.apple.mpegurl"}
GZIP = "Accept-Encoding: gzip, deflate, br"


class Site:
    def __init__(self, folder: Path) -> None:
        self.origin = ContentOrigin(
            {
                "/list.m3u8": Content(PLAYLIST, FIELDS),
                "/new.txt": Content(PLAYLIST, {**FIELDS, "Content-Type": "text/plain"}),
                "/new.m3u8": Content(PLAYLIST, FIELDS),
                "/new-short.m3u8": Content(PLAYLIST[:140], FIELDS),
                "/once.m3u8": Content(PLAYLIST, FIELDS),
                "/weak.m3u8": Content(PLAYLIST, {**FIELDS, "ETag": 'W/"list"'}),
                "/tiny.m3u8": Content(b"#EXTM3U\n", FIELDS),
                "/vary.m3u8": Content(PLAYLIST, {**FIELDS, "Vary": "Accept-Encoding"}),
                "/large.txt": Content(PLAYLIST * 100, {**FIELDS, "Content-Type": "text/plain"}),
                "/film.mp4": Content(PLAYLIST, {**FIELDS, "Content-Type": "video/mp4"}),
                "/fixed.m3u8": Content(PLAYLIST, {**FIELDS, "Cache-Control": "max-age=600, no-transform"}),
                "/done.vtt": Content(
                    gzip.compress(PLAYLIST), {**FIELDS, "Content-Type": "text/vtt", "Content-Encoding": "gzip"}
                ),
            }
        )
        self.edge = EdgeNode(folder, "compression", self.origin.port)

    def get(self, path: str, *fields: str, version: str = HTTP_2, head: bool = False) -> Answer:
        options = [word for field in fields for word in ("-H", field)]
        more = ["-I"] if head else []
        return fetch(self.edge.secure(path), version, *options, *more, ca=self.edge.keys.ca)


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    folder = work_folder / "compression"
    folder.mkdir()
    site = Site(folder)
    for path in site.origin.contents:
        if "new" not in path:
            assert "content-encoding" not in site.get(path).headers or "done" in path
    yield site
    site.edge.program.require_running()
    site.edge.stop()
    site.origin.close()


@pytest.mark.parametrize("version", VERSIONS)
def test_who_accepts_gzip_gets_it(site: Site, version: str) -> None:
    answer = site.get("/list.m3u8", GZIP, version=version)
    assert answer.status == 200
    assert gzip.decompress(answer.body) == PLAYLIST
    assert len(answer.body) < len(PLAYLIST) / 3
    assert int(answer.headers["content-length"]) == len(answer.body)
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["etag"] == '"list-gzip"'
    assert answer.headers["vary"].lower() == "accept-encoding"
    assert answer.headers["content-type"] == FIELDS["Content-Type"]
    assert answer.headers["cache-status"].endswith("; hit")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "field", ["Accept:", "Accept-Encoding: br", "Accept-Encoding: gzip;q=0", "Accept-Encoding: identity, gzip;q=0.5"]
)
def test_who_does_not_gets_the_body_as_it_is(site: Site, version: str, field: str) -> None:
    answer = site.get("/list.m3u8", field, version=version)
    assert (answer.body, answer.headers["etag"]) == (PLAYLIST, '"list"')
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"].lower() == "accept-encoding"


@pytest.mark.parametrize("version", VERSIONS)
def test_head_answers_with_the_fields_of_get(site: Site, version: str) -> None:
    for field in (GZIP, "Accept:"):
        get = site.get("/list.m3u8", field, version=version)
        head = site.get("/list.m3u8", field, version=version, head=True)
        assert {**head.headers, "age": ""} == {**get.headers, "age": ""}
        assert head.body == b""


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("tag", ['"list"', '"list-gzip"', 'W/"list-gzip"', '"a", "list-gzip"'])
def test_either_tag_is_known(site: Site, version: str, tag: str) -> None:
    answer = site.get("/list.m3u8", GZIP, f"If-None-Match: {tag}", version=version)
    assert (answer.status, answer.body) == (304, b"")
    assert answer.headers["etag"].strip('"') in tag
    assert "content-encoding" not in answer.headers
    assert answer.headers["vary"].lower() == "accept-encoding"


def test_the_compressed_tag_is_no_condition_for_the_body_as_it_is(site: Site) -> None:
    assert site.get("/list.m3u8", 'If-None-Match: "list-gzip"').status == 200
    assert site.get("/list.m3u8", GZIP, 'If-Match: "list-gzip"').status == 200
    assert site.get("/list.m3u8", GZIP, 'If-Match: "list"').status in (200, 412)
    assert site.get("/list.m3u8", GZIP, 'If-Match: "other"').status == 412


@pytest.mark.parametrize("version", VERSIONS)
def test_ranges_are_those_of_the_body_as_it_is(site: Site, version: str) -> None:
    answer = site.get("/list.m3u8", GZIP, "Range: bytes=0-6", version=version)
    assert (answer.status, answer.body, answer.headers["etag"]) == (206, b"#EXTM3U", '"list"')
    assert "content-encoding" not in answer.headers
    whole = site.get("/list.m3u8", GZIP, "Range: bytes=0-6", 'If-Range: "list-gzip"', version=version)
    assert (whole.status, gzip.decompress(whole.body)) == (200, PLAYLIST)


@pytest.mark.parametrize("path", ["/tiny.m3u8", "/film.mp4", "/fixed.m3u8", "/large.txt"])
def test_what_stays_as_it_is(site: Site, path: str) -> None:
    answer = site.get(path, GZIP)
    assert answer.body == site.origin.contents[path].body
    assert "content-encoding" not in answer.headers and "vary" not in answer.headers


def test_the_upstreams_coding_is_left_alone(site: Site) -> None:
    answer = site.get("/done.vtt", GZIP)
    assert gzip.decompress(answer.body) == PLAYLIST
    assert answer.headers["etag"] == '"list"'


def test_a_weak_tag_stays(site: Site) -> None:
    answer = site.get("/weak.m3u8", GZIP)
    assert (answer.headers["content-encoding"], answer.headers["etag"]) == ("gzip", 'W/"list"')
    assert site.get("/weak.m3u8", GZIP, 'If-None-Match: W/"list"').status == 304


def test_an_upstream_that_varies_by_coding_is_cached(site: Site) -> None:
    answer = site.get("/vary.m3u8", GZIP)
    assert answer.headers["cache-status"].endswith("; hit")
    assert answer.headers["vary"].lower() == "accept-encoding"
    assert site.origin.asked["/vary.m3u8"] == 1
    assert "accept-encoding" not in site.origin.last_request


def test_the_first_request_is_not_held_up(site: Site) -> None:
    """It is served as it arrives; the next finds a complete object."""
    content = site.origin.contents["/new.txt"]
    content.pause_after = 100
    answers: list[Answer] = []
    first = threading.Thread(target=lambda: answers.append(site.get("/new.txt", GZIP)))
    first.start()
    time.sleep(0.3)
    content.released.set()
    first.join(10)
    assert answers[0].body == PLAYLIST and answers[0].headers["vary"].lower() == "accept-encoding"
    assert gzip.decompress(site.get("/new.txt", GZIP).body) == PLAYLIST


@pytest.mark.parametrize("version", VERSIONS)
def test_a_playlist_is_compressed_for_its_first_viewers_too(site: Site, version: str) -> None:
    """They wait for all of it, those who come while it arrives as well; who wants it as it is gets it as it comes."""
    path = f"/new.m3u8?{version.strip('-')}"
    content = Content(PLAYLIST, FIELDS)
    site.origin.contents[path] = content
    content.pause_after = 100
    answers: list[Answer] = []
    fields = [GZIP, GZIP, "Accept:"]
    readers = [threading.Thread(target=lambda field=field: answers.append(site.get(path, field, version=version))) for field in fields]
    for reader in readers:
        reader.start()
        time.sleep(0.2)
    content.released.set()
    for reader in readers:
        reader.join(10)
    bodies = [(answer.headers.get("content-encoding"), answer.body) for answer in answers]
    assert sorted(coding or "" for coding, _ in bodies) == ["", "gzip", "gzip"]
    assert {gzip.decompress(body) if coding else body for coding, body in bodies} == {PLAYLIST}
    assert site.origin.asked[path] == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_playlist_that_breaks_off_is_an_answer_with_a_status(site: Site, version: str) -> None:
    """Nothing has been sent when the upstream breaks off, so the client is told rather than cut off."""
    path = f"/broken.m3u8?{version.strip('-')}"
    site.origin.contents[path] = Content(PLAYLIST, FIELDS, breaks_after=100)
    assert site.get(path, GZIP, version=version).status == 502
    site.origin.contents[path] = Content(PLAYLIST, FIELDS)
    answer = site.get(path, GZIP, version=version)
    assert (answer.status, gzip.decompress(answer.body)) == (200, PLAYLIST)


def test_a_short_playlist_is_compressed_as_well(site: Site) -> None:
    answer = site.get("/new-short.m3u8", GZIP)
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(answer.body) == PLAYLIST[:140]


def test_it_is_made_once_and_counted(site: Site) -> None:
    made = site.edge.metric("spillway_compressions_total")
    memory = site.edge.metric("spillway_cache_memory_bytes")
    sizes = {len(site.get("/once.m3u8", GZIP).body) for _ in range(5)}
    assert len(sizes) == 1
    assert site.edge.metric("spillway_compressions_total") == made + 1
    assert site.edge.metric("spillway_cache_memory_bytes") >= memory + sizes.pop()
