# SPDX-License-Identifier: Apache-2.0
"""What HEAD and POST make of stored responses (RFC 9111 section 4.3.5, RFC 9110 section 9.3.3), and interim responses."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from caching_site import Site, header
from curl import HTTP_1, HTTP_2, Answer, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh

VERSIONS = [HTTP_1, HTTP_2]
FRESH = ("cache-control", "max-age=60")
STALE = ("cache-control", "max-age=0, stale-if-error=60")


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    origin = ReplyOrigin()
    cache = "{standInMilliseconds: 0, requestDirectives: true}"
    node = EdgeNode(work_folder / "methods", "methods-edge", origin.port, cache=cache, requests="{methods: all, fields: all}")
    yield Site(origin, node)
    node.stop()
    origin.close()


def methods(site: Site, path: str) -> list[str]:
    return [asked.method for asked in site.origin.at(path)]


# MARK: HEAD


@pytest.mark.parametrize("version", VERSIONS)
def test_head_of_what_is_not_stored_goes_upstream_as_head(site: Site, version: str) -> None:
    path = site.path(fresh(body=b"12345"))
    for _ in range(2):
        answer = site.get(path, "--head", version=version)
        assert (answer.status, answer.headers["content-length"], answer.body) == (200, "5", b"")
        assert answer.headers["cache-status"].endswith("fwd=uri-miss")
    assert site.get(path, version=version).body == b"12345"
    assert site.get(path, "--head", version=version).headers["cache-status"].endswith("hit")
    assert methods(site, path) == ["HEAD", "HEAD", "GET"]


def test_head_waits_for_a_get_that_is_on_its_way(site: Site) -> None:
    gate = threading.Event()
    path = site.path(fresh(body=b"12345", head_gate=gate))
    answers: list[Answer] = []

    def ask(*options: str) -> None:
        answers.append(site.get(path, *options))

    readers = [threading.Thread(target=ask, args=options) for options in ((), ("--head",))]
    readers[0].start()
    while not site.origin.at(path):
        time.sleep(0.01)
    readers[1].start()
    gate.set()
    for reader in readers:
        reader.join()
    assert {answer.headers["content-length"] for answer in answers} == {"5"}
    assert methods(site, path) == ["GET"]


@pytest.mark.parametrize(
    ("fields", "asked"),
    [([FRESH], 1), ([], 1), ([FRESH, ("vary", "x-kind")], 2), ([("cache-control", "private")], 6)],
    ids=["fresh", "without-lifetime", "two-variants", "private"],
)
def test_heads_that_come_together_are_asked_together(site: Site, fields: list[tuple[str, str]], asked: int) -> None:
    gate = threading.Event()
    path = site.path()
    site.origin.replies[path] = [lambda asked: Reply(fields=[*fields, ("x-got", asked.fields["x-kind"])], head_gate=gate)]
    answers: list[tuple[str, str]] = []

    def ask(kind: str) -> None:
        answers.append((kind, site.get(path, "--head", *header("X-Kind", kind)).headers["x-got"]))

    readers = [threading.Thread(target=ask, args=(kind,)) for kind in ("a", "a", "a", "b", "b", "b")]
    for reader in readers:
        reader.start()
    while site.node.metric("spillway_readers_waiting") < len(readers):
        time.sleep(0.01)
    gate.set()
    for reader in readers:
        reader.join()
    assert len(answers) == len(readers)
    if asked > 1:
        assert all(kind == got for kind, got in answers)
    assert methods(site, path) == ["HEAD"] * asked


def test_head_that_agrees_brings_new_fields_and_a_new_life(site: Site) -> None:
    first = Reply(fields=[STALE, ("x-kept", "1"), ("x-both", "1")], body=b"12345")
    path = site.path(first, Reply(fields=[FRESH, ("x-both", "2")], body=b"12345"), Reply(body=b"too often"))
    site.get(path)
    head = site.get(path, "--head")
    assert (head.headers["x-kept"], head.headers["x-both"], head.headers["content-length"]) == ("1", "2", "5")
    answer = site.get(path)
    assert (answer.body, answer.headers["x-kept"], answer.headers["x-both"]) == (b"12345", "1", "2")
    assert methods(site, path) == ["GET", "HEAD"]


def test_head_is_sent_with_what_is_known_of_the_stored_response(site: Site) -> None:
    fields = [("etag", '"a"')]
    path = site.path(Reply(fields=[STALE, *fields], body=b"12345"), Reply(304, [FRESH, *fields]), Reply(body=b"too often"))
    site.get(path)
    assert site.get(path, "--head").status == 200
    assert site.get(path).body == b"12345"
    assert methods(site, path) == ["GET", "HEAD"]
    assert site.origin.at(path)[1].fields["if-none-match"] == '"a"'


@pytest.mark.parametrize(
    "changed",
    [Reply(fields=[FRESH], body=b"123456"), Reply(fields=[FRESH, ("etag", '"b"')], body=b"12345")],
    ids=["length", "tag"],
)
def test_head_that_disagrees_ends_what_is_stored(site: Site, changed: Reply) -> None:
    """It may not even stand in for an upstream that fails any more."""
    path = site.path(Reply(fields=[STALE, ("etag", '"a"')], body=b"12345"), changed, Reply(503, body=b"broken"))
    site.get(path)
    answer = site.get(path, "--head")
    assert answer.headers["content-length"] == str(len(changed.body))
    assert site.get(path).body == b"broken"


def test_head_does_not_bring_back_what_a_post_has_changed(site: Site) -> None:
    path = site.path(fresh(body=b"older"), Reply(body=b"done"), fresh(body=b"newer"), fresh(body=b"newer"))
    assert site.get(path).body == b"older"
    assert post(site, path) == b"done"
    assert site.get(path, "--head").headers["content-length"] == "5"
    assert site.get(path).body == b"newer"
    assert methods(site, path) == ["GET", "POST", "HEAD", "GET"]


def test_head_with_an_error_leaves_what_is_stored(site: Site) -> None:
    path = site.path(Reply(fields=[STALE], body=b"12345"), Reply(410, [FRESH]), Reply(503))
    site.get(path)
    assert site.get(path, "--head").status == 410
    assert site.get(path).body == b"12345"


def test_a_stale_response_stands_in_for_a_head_that_fails(site: Site) -> None:
    path = site.path(Reply(fields=[STALE], body=b"12345"), Reply(503))
    site.get(path)
    answer = site.get(path, "--head")
    assert (answer.status, answer.headers["content-length"]) == (200, "5")


# MARK: POST


def post(site: Site, path: str, *options: str) -> bytes:
    return site.get(path, "-X", "POST", "-d", "x", *options).body


@pytest.mark.parametrize("length", [None, "chunked"])
def test_a_response_to_post_that_names_its_target_is_one_to_get(site: Site, length: str | None) -> None:
    path = site.path()
    site.origin.replies[path] = [
        fresh(body=b"old"),
        fresh(fields=[("content-location", path)], body=b"posted", length=length),
        Reply(body=b"too often"),
    ]
    assert site.get(path).body == b"old"
    assert post(site, path) == b"posted"
    assert site.get(path).body == b"posted"
    assert post(site, path) == b"too often"


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ([FRESH], ()),
        ([FRESH, ("content-location", "/elsewhere")], ()),
        ([("last-modified", "Thu, 01 Jan 2015 00:00:00 GMT"), ("content-location", "")], ()),
        ([("cache-control", "private, max-age=60"), ("content-location", "")], ()),
        ([FRESH, ("content-location", ""), ("vary", "x-kind")], ()),
        ([FRESH, ("content-location", "")], header("Authorization", "Basic YTpi")),
    ],
    ids=["unnamed", "other", "no-lifetime", "private", "varies", "credentials"],
)
def test_other_responses_to_post_are_for_one(site: Site, fields: list[tuple[str, str]], options: tuple[str, ...]) -> None:
    path = site.path()
    fields = [(name, value or path) if name == "content-location" else (name, value) for name, value in fields]
    site.origin.replies[path] = [Reply(fields=fields, body=b"posted"), Reply(body=b"fetched")]
    assert post(site, path, *options) == b"posted"
    assert site.get(path).body == b"fetched"


def test_a_response_to_post_is_for_one_where_fields_do_not_go_upstream_for_all(work_folder: Path) -> None:
    """The fields of a POST do: what they made of the response is nobody else's."""
    origin = ReplyOrigin()
    node = EdgeNode(work_folder / "posts", "posts-edge", origin.port, requests="{methods: all, fields: none}")
    try:
        origin.replies["/a"] = [fresh(fields=[("content-location", "/a")], body=b"posted"), Reply(body=b"fetched")]
        assert fetch(node.plain("/a"), "-X", "POST", "-d", "x").body == b"posted"
        assert fetch(node.plain("/a")).body == b"fetched"
    finally:
        node.stop()
        origin.close()


# MARK: Directives of requests


def test_what_a_request_does_not_want_stands_in_where_upstream_fails(site: Site) -> None:
    path = site.path(Reply(fields=[STALE], body=b"old"), Reply(503))
    assert site.get(path).body == b"old"
    assert site.get(path, *header("Cache-Control", "max-age=3")).body == b"old"


# MARK: Interim responses

HINT = (103, [("link", "</a.css>; rel=preload")])


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_interim_responses_go_to_who_has_asked(site: Site, method: str, version: str) -> None:
    options = ("--head",) if method == "HEAD" else ("-X", method)
    path = site.path(fresh(interims=[(102, []), HINT, HINT], body=b"12345"))
    answer = site.get(path, *options, version=version)
    assert [status for status, _ in answer.interims] == [102, 103, 103]
    assert [fields for _, fields in answer.interims[1:]] == [{"link": "</a.css>; rel=preload"}] * 2
    assert (answer.status, answer.headers["content-length"], "link" in answer.headers) == (200, "5", False)


@pytest.mark.parametrize("version", VERSIONS)
def test_interim_responses_are_not_stored(site: Site, version: str) -> None:
    path = site.path(fresh(interims=[HINT]))
    assert [len(site.get(path, version=version).interims) for _ in range(2)] == [1, 0]


@pytest.mark.parametrize("version", VERSIONS)
def test_100_is_not_for_the_client(site: Site, version: str) -> None:
    path = site.path(Reply(interims=[(100, [("x-interim", "1")])]))
    assert site.get(path, version=version).interims == []


def test_fields_of_the_connection_and_of_caches_are_taken_out_of_interim_responses(site: Site) -> None:
    fields = [("connection", "x-hop"), ("x-hop", "1"), ("surrogate-key", "a"), ("cache-status", "b"), ("x-mine", "1")]
    path = site.path(Reply(interims=[(103, fields)]))
    assert site.get(path).interims == [(103, {"x-mine": "1"})]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_long_interim_response_is_left_out(site: Site, version: str) -> None:
    path = site.path(Reply(interims=[(103, [("x-long", "a" * 5000)]), HINT], body=b"whole"))
    answer = site.get(path, version=version)
    assert (len(answer.interims), answer.body) == (1, b"whole")


def test_an_old_client_gets_no_interim_response(site: Site) -> None:
    path = site.path(Reply(interims=[HINT], body=b"whole"))
    answer = fetch(site.node.plain(path), "--http1.0")
    assert (answer.interims, answer.body) == ([], b"whole")
