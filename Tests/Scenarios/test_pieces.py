# SPDX-License-Identifier: Apache-2.0
"""Ranges of what is not stored: just the slices that are needed are fetched, kept, and put together with others."""

import itertools
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
BODY = bytes(itertools.islice(itertools.cycle(range(251)), 9 * SLICE + 1000))
FIELDS = [("cache-control", "max-age=600"), ("etag", '"a"')]
AHEAD = 2 * SLICE
_numbers = itertools.count()


@dataclass(frozen=True)
class Site:
    origin: ReplyOrigin
    node: EdgeNode

    def path(self, *answers: object) -> str:
        path = f"/p/{next(_numbers)}"
        self.origin.replies[path] = list(answers) or [serve_ranges(BODY, FIELDS)]  # type: ignore[arg-type]
        return path

    def get(self, path: str, *options: str, version: str = HTTP_2) -> Answer:
        return fetch(self.node.secure(path), version, *options, ca=self.node.keys.ca, seconds=20)

    def ranges(self, path: str) -> list[str]:
        return [asked.fields.get("range", "") for asked in self.origin.at(path)]


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    origin = ReplyOrigin()
    node = EdgeNode(work_folder / "pieces", "pieces-edge", origin.port, cache=f"{{readAheadBytes: {AHEAD}}}", workers=2)
    yield Site(origin, node)
    node.stop()
    origin.close()


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize(
    ("wanted", "start", "end", "fetched"),
    [
        ("0-99", 0, 100, ["bytes=0-262143"]),
        (f"{SLICE - 1}-{SLICE}", SLICE - 1, SLICE + 1, ["bytes=0-524287"]),
        (f"{5 * SLICE + 5}-{5 * SLICE + 9}", 5 * SLICE + 5, 5 * SLICE + 10, [f"bytes={5 * SLICE}-{6 * SLICE - 1}"]),
        (f"{9 * SLICE + 10}-", 9 * SLICE + 10, len(BODY), [f"bytes={9 * SLICE}-{11 * SLICE + 262_143}"]),
        # Where the end is, the first slice tells.
        ("-10", len(BODY) - 10, len(BODY), ["bytes=0-262143", f"bytes={9 * SLICE}-{len(BODY) - 1}"]),
    ],
)
def test_only_what_is_needed_is_fetched(
    site: Site, wanted: str, start: int, end: int, fetched: list[str], version: str
) -> None:
    path = site.path()
    for _ in range(2):
        answer = site.get(path, "-r", wanted, version=version)
        assert (answer.status, answer.body) == (206, BODY[start:end])
        assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{len(BODY)}"
    assert site.ranges(path) == fetched
    assert site.origin.at(path)[-1].fields.get("if-range") in (None, '"a"')


def test_the_rest_is_fetched_when_it_is_asked_for(site: Site) -> None:
    path = site.path()
    middle = site.get(path, "-r", f"{3 * SLICE}-{4 * SLICE - 1}")
    assert middle.body == BODY[3 * SLICE : 4 * SLICE]
    whole = site.get(path)
    assert (whole.status, whole.body) == (200, BODY)
    sent = sum(len(serve_ranges(BODY, FIELDS)(asked).body) for asked in site.origin.at(path))
    assert sent == len(BODY), "no byte is fetched twice"
    before = len(site.origin.at(path))
    assert site.get(path).body == BODY
    assert len(site.origin.at(path)) == before


def test_an_open_end_is_read_ahead_by_so_much(site: Site) -> None:
    path = site.path()
    assert site.get(path, "-r", f"{SLICE}-").body == BODY[SLICE:]
    assert site.ranges(path)[0] == f"bytes={SLICE}-{SLICE + AHEAD - 1}"
    assert len(site.ranges(path)) == 5


def test_several_ranges(site: Site) -> None:
    path = site.path()
    site.get(path, "-r", "0-9")
    answer = site.get(path, "-r", f"0-9,{7 * SLICE}-{7 * SLICE + 9}")
    assert answer.status == 206 and answer.headers["content-type"].startswith("multipart/byteranges")
    assert BODY[7 * SLICE : 7 * SLICE + 10] in answer.body
    assert site.ranges(path) == ["bytes=0-262143", f"bytes={7 * SLICE}-{8 * SLICE - 1}"]


def test_a_range_is_answered_as_soon_as_its_bytes_are_there(site: Site) -> None:
    """The fill of the whole stands still behind two slices; a range of the first does not wait for the rest."""
    gate = threading.Event()
    path = site.path(Reply(fields=FIELDS, body=BODY, piece=2 * SLICE, body_gate=gate))
    whole: list[Answer] = []
    reader = threading.Thread(target=lambda: whole.append(site.get(path)))
    reader.start()
    time.sleep(0.3)
    started = time.monotonic()
    assert site.get(path, "-r", f"{SLICE}-{SLICE + 9}").body == BODY[SLICE : SLICE + 10]
    assert time.monotonic() - started < 1
    gate.set()
    reader.join()
    assert whole[0].body == BODY
    assert len(site.origin.at(path)) == 1


def test_many_readers_of_one_cold_slice_cost_one_request(site: Site) -> None:
    gate = threading.Event()
    serve = serve_ranges(BODY, FIELDS)

    def slowly(asked: Asked) -> Reply:
        reply = serve(asked)
        reply.head_gate = gate
        return reply

    path = site.path(serve, slowly)
    site.get(path, "-r", "0-9")
    bodies: list[bytes] = []
    readers = [
        threading.Thread(target=lambda: bodies.append(site.get(path, "-r", f"{4 * SLICE}-{4 * SLICE + 99}").body))
        for _ in range(20)
    ]
    for reader in readers:
        reader.start()
    time.sleep(0.5)
    gate.set()
    for reader in readers:
        reader.join()
    assert bodies == [BODY[4 * SLICE : 4 * SLICE + 100]] * 20
    assert len(site.origin.at(path)) == 2


def test_pieces_of_two_representations_are_never_put_together(site: Site) -> None:
    """Upstream's file is replaced between two pieces: the response is cut off, and the next one is of the new file."""
    newer = bytes(reversed(BODY))
    path = site.path(serve_ranges(BODY, FIELDS), serve_ranges(newer, [FIELDS[0], ("etag", '"b"')]))
    assert site.get(path, "-r", "0-9").body == BODY[:10]
    with pytest.raises(AssertionError, match=r"\((18|92)\)"):
        site.get(path)
    assert site.get(path).body == newer


def test_a_piece_that_breaks_off_is_fetched_again(site: Site) -> None:
    serve = serve_ranges(BODY, FIELDS)

    def broken(asked: Asked) -> Reply:
        reply = serve(asked)
        reply.length, reply.reset_after = len(reply.body), 1000
        return reply

    path = site.path(serve, broken, serve)
    site.get(path, "-r", "0-9")
    assert site.get(path, "-r", f"{6 * SLICE}-{6 * SLICE + 5000}").body == BODY[6 * SLICE : 6 * SLICE + 5001]
    assert len(site.origin.at(path)) == 3


def test_an_origin_without_ranges_sends_the_whole(site: Site) -> None:
    path = site.path(Reply(fields=FIELDS, body=BODY))
    for _ in range(2):
        assert site.get(path, "-r", f"{SLICE}-{SLICE + 9}").body == BODY[SLICE : SLICE + 10]
    assert len(site.origin.at(path)) == 1


@pytest.mark.parametrize("fields", [[FIELDS[0]], [FIELDS[0], ("etag", 'W/"a"')], [("cache-control", "no-store")]])
def test_what_could_not_be_put_together_is_fetched_whole(site: Site, fields: list[tuple[str, str]]) -> None:
    path = site.path(serve_ranges(BODY, fields))
    answer = site.get(path, "-r", f"{SLICE}-{SLICE + 9}")
    assert (answer.status, answer.body) == (206, BODY[SLICE : SLICE + 10])
    assert site.ranges(path)[-1] == ""


def test_a_range_beyond_the_end_is_416(site: Site) -> None:
    path = site.path()
    answer = site.get(path, "-r", f"{20 * SLICE}-{20 * SLICE + 9}")
    assert (answer.status, answer.headers["content-range"]) == (416, f"bytes */{len(BODY)}")


def test_a_range_beyond_the_end_says_nothing_of_other_requests(site: Site) -> None:
    """The 416 is for one range: it must not make the whole object one that is never stored."""
    path = site.path()
    site.get(path, "-r", f"{20 * SLICE}-{20 * SLICE + 9}")
    assert site.get(path).body == BODY
    before = len(site.origin.at(path))
    assert site.get(path).body == BODY
    assert len(site.origin.at(path)) == before


def test_an_origin_that_gives_less_than_a_slice_is_not_asked_for_ever(site: Site) -> None:
    """Each answer has 1,000 bytes of what was asked for: nothing whole comes of it, and the response is given up."""
    serve = serve_ranges(BODY, FIELDS)

    def stingy(asked: Asked) -> Reply:
        first = int(asked.fields["range"].removeprefix("bytes=").partition("-")[0])
        fields = [*FIELDS, ("content-range", f"bytes {first}-{first + 999}/{len(BODY)}")]
        return Reply(206, fields, BODY[first : first + 1000])

    path = site.path(serve, stingy)
    site.get(path, "-r", "0-9")
    with pytest.raises(AssertionError, match=r"\((18|92)\)"):
        site.get(path, "-r", f"{6 * SLICE}-{6 * SLICE + 5000}")
    assert len(site.origin.at(path)) < 6


def test_each_piece_is_asked_for_as_the_request_selects_it(site: Site) -> None:
    """The representation depends on a field of the request, so that goes upstream with the later pieces too."""
    kinds = {kind: serve_ranges(kind.encode() * len(BODY), [FIELDS[0], ("etag", f'"{kind}"'), ("vary", "x-kind")]) for kind in "ab"}
    path = site.path(lambda asked: kinds[asked.fields.get("x-kind", "b")](asked))
    for kind in "ab":
        for wanted in ("0-9", f"{5 * SLICE}-{5 * SLICE + 9}"):
            assert site.get(path, "-r", wanted, "-H", f"X-Kind: {kind}").body == kind.encode() * 10
