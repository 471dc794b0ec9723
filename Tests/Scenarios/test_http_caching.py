# SPDX-License-Identifier: Apache-2.0
"""RFC 9111 as a shared cache in front of any origin: what is stored, for whom, for how long, and what upstream is asked."""

import threading
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

import pytest
from caching_site import Site, header
from curl import HTTP_1, HTTP_2, Answer, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh

CACHE = "{staleIfErrorSeconds: 0, standInMilliseconds: 300, negativeSeconds: {404: 60}}"
CONTENT_BYTES_MAX = 500_000


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    folder = work_folder / "http-caching"
    origin = ReplyOrigin()
    node = EdgeNode(folder, "caching-edge", origin.port, cache=CACHE, workers=2, requests=f"{{contentBytes: {CONTENT_BYTES_MAX}}}")
    yield Site(origin, node)
    node.stop()
    origin.close()


def past(seconds: int) -> str:
    return formatdate(time.time() - seconds, usegmt=True)


# MARK: Freshness


@pytest.mark.parametrize(
    ("fields", "is_reused"),
    [
        ([("cache-control", "max-age=60")], True),
        ([("cache-control", "s-maxage=60, max-age=0")], True),
        ([("cache-control", "max-age=60, s-maxage=0")], False),
        ([("expires", formatdate(time.time() + 600, usegmt=True))], True),
        ([("expires", "0")], False),
        ([("cache-control", "max-age=60"), ("age", "61")], False),
        ([("cache-control", "max-age=60"), ("age", "30")], True),
        ([("cdn-cache-control", "max-age=60"), ("cache-control", "no-store")], True),
        ([("cdn-cache-control", "no-store"), ("cache-control", "max-age=60")], False),
        ([("cache-control", "no-store, max-age=60")], False),
        ([("cache-control", "private, max-age=60")], False),
        ([("cache-control", "max-age=60"), ("set-cookie", "a=b")], False),
        ([("last-modified", past(86_400 * 100))], False),  # no heuristics unless they are asked for
        ([], False),
    ],
)
def test_what_is_fresh_is_used_and_nothing_else(site: Site, fields: list[tuple[str, str]], is_reused: bool) -> None:
    path = site.path(Reply(fields=fields, body=b"first"), Reply(fields=fields, body=b"second"))
    assert site.get(path).body == b"first"
    assert site.get(path).body == (b"first" if is_reused else b"second")


@pytest.mark.parametrize("status", [203, 204, 301, 404, 410, 299, 503])
def test_any_status_with_explicit_freshness_is_stored(site: Site, status: int) -> None:
    path = site.path(fresh(status=status, body=b"" if status == 204 else b"x"), Reply(200, body=b"other"))
    assert [site.get(path).status for _ in range(2)] == [status, status]
    assert len(site.origin.at(path)) == 1


def test_errors_are_remembered_for_as_long_as_is_configured(site: Site) -> None:
    path = site.path(Reply(404, body=b"no"), Reply(200, body=b"yes"))
    assert [site.get(path).status for _ in range(2)] == [404, 404]
    other = site.path(Reply(410, body=b"no"), Reply(200, body=b"yes"))
    assert [site.get(other).status for _ in range(2)] == [410, 200]


def test_age_is_what_upstream_says_and_the_time_here(site: Site) -> None:
    path = site.path(fresh(fields=[("age", "100")]))
    assert site.get(path).headers["age"] == "100"
    time.sleep(1.2)
    assert int(site.get(path).headers["age"]) in (101, 102)


# MARK: Validation


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_a_stale_response_is_validated_and_gets_the_newer_fields(site: Site, version: str) -> None:
    stale = [("cache-control", "max-age=0"), ("etag", '"a"'), ("x-old", "kept"), ("x-both", "1")]
    newer = [("cache-control", "max-age=60"), ("etag", '"a"'), ("x-both", "2")]
    path = site.path(Reply(fields=stale, body=b"body"), Reply(304, newer), Reply(200, body=b"too often"))
    assert site.get(path, version=version).body == b"body"
    second = site.get(path, version=version)
    assert (second.status, second.body, second.headers["x-old"], second.headers["x-both"]) == (200, b"body", "kept", "2")
    assert "fwd=stale; fwd-status=304" in second.headers["cache-status"]
    assert site.origin.at(path)[1].fields["if-none-match"] == '"a"'
    third = site.get(path, version=version)
    assert (third.body, third.headers["x-both"]) == (b"body", "2")
    assert "hit" in third.headers["cache-status"]


def test_another_response_takes_the_place_of_the_stale_one(site: Site) -> None:
    stale = [("cache-control", "max-age=0"), ("last-modified", past(1000))]
    path = site.path(Reply(fields=stale, body=b"old"), fresh(body=b"new"), Reply(body=b"too often"))
    assert [site.get(path).body for _ in range(3)] == [b"old", b"new", b"new"]
    assert "if-modified-since" in site.origin.at(path)[1].fields


def test_a_304_about_something_else_is_not_believed(site: Site) -> None:
    stale = [("cache-control", "max-age=0"), ("etag", '"a"')]
    path = site.path(
        Reply(fields=stale, body=b"old"), Reply(304, [("etag", '"b"')]), Reply(200, [("etag", '"b"')], b"new")
    )
    assert [site.get(path).body for _ in range(2)] == [b"old", b"new"]
    assert "if-none-match" not in site.origin.at(path)[2].fields


def test_no_cache_is_validated_each_time(site: Site) -> None:
    fields = [("cache-control", "no-cache, max-age=60"), ("etag", '"a"')]
    path = site.path(Reply(fields=fields, body=b"body"), Reply(304, fields))
    assert [site.get(path).body for _ in range(3)] == [b"body"] * 3
    assert [asked.fields.get("if-none-match") for asked in site.origin.at(path)] == [None, '"a"', '"a"']


@pytest.mark.parametrize("directive", ["no-cache", "private"])
def test_fields_that_are_not_to_be_reused_go_to_the_first_alone(site: Site, directive: str) -> None:
    fields = [("cache-control", f'max-age=60, {directive}="x-mine, set-cookie"'), ("x-mine", "1"), ("set-cookie", "a=b")]
    path = site.path(Reply(fields=[*fields, ("x-all", "1")]))
    first, second = site.get(path), site.get(path)
    assert {"x-mine", "set-cookie", "x-all"} <= set(first.headers)
    assert "x-all" in second.headers and not {"x-mine", "set-cookie"} & set(second.headers)
    assert len(site.origin.at(path)) == 1


def test_conditions_of_clients_are_answered_here(site: Site) -> None:
    path = site.path(fresh(fields=[("etag", '"a"')]))
    assert site.get(path, *header("If-None-Match", '"a"')).status == 304
    assert "if-none-match" not in site.origin.at(path)[0].fields
    assert site.get(path, *header("If-None-Match", '"b"')).status == 200


def test_a_condition_of_a_client_on_what_is_not_stored_is_no_condition_for_upstream(site: Site) -> None:
    """All of it is fetched and stored, whatever this client has already."""
    path = site.path(fresh(fields=[("etag", '"a"')], body=b"whole"), Reply(body=b"too often"))
    answer = site.get(path, *header("If-None-Match", '"a"'))
    assert (answer.status, answer.body) == (304, b"")
    assert site.get(path).body == b"whole"
    assert "if-none-match" not in site.origin.at(path)[0].fields


# MARK: Stale responses


def test_stale_while_revalidate(site: Site) -> None:
    path = site.path(
        Reply(fields=[("cache-control", "max-age=0, stale-while-revalidate=60")], body=b"old"),
        fresh(body=b"new", delay=0.3),
    )
    assert site.get(path).body == b"old"
    started = time.monotonic()
    stale = site.get(path)
    assert stale.body == b"old" and time.monotonic() - started < 0.3
    assert "stale-while-revalidate" in stale.headers["cache-status"]
    time.sleep(0.6)
    assert site.get(path).body == b"new"
    assert len(site.origin.at(path)) == 2


@pytest.mark.parametrize("failure", [Reply(503, body=b"broken"), Reply(drops=True)])
def test_stale_if_error(site: Site, failure: Reply) -> None:
    path = site.path(Reply(fields=[("cache-control", "max-age=0, stale-if-error=60")], body=b"old"), failure)
    assert site.get(path).body == b"old"
    answer = site.get(path)
    assert (answer.status, answer.body) == (200, b"old")
    assert "stale-if-error" in answer.headers["cache-status"]
    # For a moment nobody else is sent to the failing server.
    before = len(site.origin.at(path))
    assert site.get(path).body == b"old"
    assert len(site.origin.at(path)) == before
    time.sleep(0.5)
    site.origin.replies[path] = [fresh(body=b"new")]
    assert site.get(path).body == b"new"


def test_what_must_be_revalidated_never_stands_in(site: Site) -> None:
    fields = [("cache-control", "max-age=0, stale-if-error=60, must-revalidate"), ("etag", '"a"')]
    path = site.path(Reply(fields=fields, body=b"old"), Reply(drops=True))
    assert site.get(path).body == b"old"
    answer = site.get(path)
    assert answer.status == 502
    assert "error=" in answer.headers["proxy-status"]


def test_a_5xx_without_a_stored_response_is_passed_on(site: Site) -> None:
    path = site.path(Reply(503, [("retry-after", "1")], b"broken"), Reply(body=b"well"))
    first = site.get(path)
    assert (first.status, first.body, first.headers["retry-after"]) == (503, b"broken", "1")
    assert site.get(path).body == b"well"


def test_a_revalidation_that_brings_what_is_for_one_ends(site: Site) -> None:
    """Nobody reads the response that came in the background: it must not keep its connection for ever."""
    fields = [("cache-control", "max-age=0, stale-while-revalidate=60")]
    path = site.path(Reply(fields=fields, body=b"old"), Reply(fields=[("cache-control", "private")], body=bytes(8 << 20)))
    assert [site.get(path).body for _ in range(2)] == [b"old"] * 2
    fetches = f'spillway_upstream_fetches{{server="127.0.0.1:{site.origin.port}"}}'
    until = time.monotonic() + 5
    while (under_way := site.node.metric(fetches)) > 0 and time.monotonic() < until:
        time.sleep(0.1)
    assert under_way == 0


def test_a_body_that_was_found_good_on_its_way_outlives_its_first_reader(site: Site) -> None:
    """The second reader has the newer head and the body of the fill that the first one began, and leaves."""
    body = bytes(range(256)) * 98_304  # so much that it is not finished for nobody
    gate = threading.Event()
    fields = [("cache-control", "no-cache"), ("etag", '"a"')]
    path = site.path(Reply(fields=fields, body=body, piece=100_000, body_gate=gate), Reply(304, fields))

    def leave() -> None:
        with pytest.raises(AssertionError, match=r"\(28\)"):
            fetch(site.node.secure(path), HTTP_1, ca=site.node.keys.ca, seconds=1)

    first = threading.Thread(target=leave)
    first.start()
    time.sleep(0.4)
    answers: list[Answer] = []
    second = threading.Thread(target=lambda: answers.append(site.get(path)))
    second.start()
    first.join()
    time.sleep(0.3)
    gate.set()
    second.join()
    assert [answer.body for answer in answers] == [body]


def test_a_304_that_makes_a_response_private_answers_one(site: Site) -> None:
    fields = [("etag", '"a"')]
    mine = Reply(304, [("cache-control", "private"), ("x-user", "mine"), *fields], delay=0.5)
    path = site.path(
        Reply(fields=[("cache-control", "max-age=0"), *fields], body=b"all"),
        mine,
        Reply(fields=[("cache-control", "private"), ("x-user", "yours"), *fields], body=b"all"),
    )
    site.get(path)
    answers: list[Answer] = []
    readers = [threading.Thread(target=lambda: answers.append(site.get(path))) for _ in range(3)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()
    assert sorted(answer.headers["x-user"] for answer in answers) == ["mine", "yours", "yours"]


# MARK: Variants


def test_variants_are_kept_apart(site: Site) -> None:
    def answer(language: str) -> Reply:
        return fresh(fields=[("vary", "Accept-Language")], body=language.encode())

    path = site.path()
    site.origin.replies[path] = [lambda asked: answer(asked.fields.get("accept-language", "none"))]
    for _ in range(2):
        for language in ("de", "fr, en"):
            assert site.get(path, *header("Accept-Language", language)).body == language.encode()
        assert site.get(path).body == b"none"
    assert site.get(path, *header("Accept-Language", "fr,en")).body == b"fr, en"
    assert len(site.origin.at(path)) == 3


def test_a_variant_is_validated_with_its_own_tag(site: Site) -> None:
    def answer(asked) -> Reply:
        tag = f'"{asked.fields.get("x-kind")}"'
        fields = [("vary", "x-kind"), ("etag", tag), ("cache-control", "max-age=0")]
        return Reply(304, fields) if asked.fields.get("if-none-match") == tag else Reply(fields=fields, body=tag.encode())

    path = site.path()
    site.origin.replies[path] = [answer]
    for kind in ("a", "b", "a", "b"):
        assert site.get(path, *header("X-Kind", kind)).body == f'"{kind}"'.encode()
    assert [asked.fields.get("if-none-match") for asked in site.origin.at(path)] == [None, None, '"a"', '"b"']


def test_vary_star_is_for_one(site: Site) -> None:
    path = site.path(fresh(fields=[("vary", "*")], body=b"1"), fresh(fields=[("vary", "*")], body=b"2"))
    assert [site.get(path).body for _ in range(2)] == [b"1", b"2"]


# MARK: Credentials


@pytest.mark.parametrize(
    ("control", "is_shared"),
    [("max-age=60", False), ("public, max-age=60", True), ("s-maxage=60", True), ("max-age=60, must-revalidate", True)],
)
def test_answers_to_credentials_are_shared_only_when_they_say_so(site: Site, control: str, is_shared: bool) -> None:
    replies = [Reply(fields=[("cache-control", control)], body=body) for body in (b"mine", b"yours")]
    path = site.path(*replies)
    assert site.get(path, *header("Authorization", "Basic YTpi")).body == b"mine"
    assert site.origin.at(path)[0].fields["authorization"] == "Basic YTpi"
    assert site.get(path).body == (b"mine" if is_shared else b"yours")


# MARK: Unsafe methods


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "M-SEARCH"])
def test_unsafe_methods_pass_and_invalidate(site: Site, method: str, version: str, tmp_path: Path) -> None:
    content = tmp_path / "content"
    content.write_bytes(b"content " * 40_000)
    path = site.path()
    named = site.path(fresh(body=b"named"), fresh(body=b"named again"))
    other = site.path(fresh(body=b"other"))
    done = Reply(200, [("content-location", named), ("location", "https://elsewhere.example" + other)], b"done")
    site.origin.replies[path] = [fresh(body=b"old"), done, fresh(body=b"new")]
    assert [site.get(path).body for path in (path, named, other)] == [b"old", b"named", b"other"]
    answer = site.get(path, "-X", method, "--data-binary", f"@{content}", version=version)
    assert (answer.status, answer.body) == (200, b"done")
    passed = site.origin.at(path)[1]
    assert (passed.method, passed.body) == (method, content.read_bytes())
    assert [site.get(path).body for path in (path, named, other)] == [b"new", b"named again", b"other"]


def test_a_failed_unsafe_method_invalidates_nothing(site: Site) -> None:
    path = site.path(fresh(body=b"old"), Reply(500, body=b"no"), fresh(body=b"new"))
    assert site.get(path).body == b"old"
    assert site.get(path, "-X", "POST", "-d", "x").status == 500
    assert site.get(path).body == b"old"


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
@pytest.mark.parametrize("framing", [(), ("-H", "Transfer-Encoding: chunked")])
def test_content_beyond_the_limit_is_413(
    site: Site, framing: tuple[str, ...], version: str, tmp_path: Path
) -> None:
    path = site.path(Reply())
    content = tmp_path / "content"
    content.write_bytes(bytes(CONTENT_BYTES_MAX + 1))
    framing = framing if version == HTTP_1 else ()
    answer = site.get(path, "-X", "POST", *framing, "--data-binary", f"@{content}", version=version)
    assert answer.status == 413
    assert site.origin.at(path) == []


# MARK: HEAD


def test_head_is_answered_from_what_get_has_stored(site: Site) -> None:
    path = site.path(fresh(body=b"12345"))
    assert site.get(path).body == b"12345"
    answer = site.get(path, "--head")
    assert (answer.status, answer.headers["content-length"], answer.body) == (200, "5", b"")
    assert len(site.origin.at(path)) == 1


def test_head_updates_what_is_stored(site: Site) -> None:
    stale = [("cache-control", "max-age=0"), ("etag", '"a"'), ("x-version", "1")]
    newer = [("cache-control", "max-age=60"), ("etag", '"a"'), ("x-version", "2")]
    path = site.path(Reply(fields=stale, body=b"12345"), Reply(304, newer), Reply(body=b"too often"))
    site.get(path)
    assert site.get(path, "--head").headers["x-version"] == "2"
    answer = site.get(path)
    assert (answer.headers["x-version"], answer.body) == ("2", b"12345")
