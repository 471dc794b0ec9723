# SPDX-License-Identifier: Apache-2.0
"""Other sites' scripts: what they may read, and preflights (the CORS protocol of the Fetch standard)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from content_origin import FOREVER, Content, ContentOrigin
from curl import HTTP_1, HTTP_2, Answer, fetch
from edge_node import EdgeNode

VERSIONS = [HTTP_1, HTTP_2]
ALLOWED = "https://www.example.com"
NAMED = f"cors: {{allowOrigins: ['{ALLOWED}', 'https://b.example:8443'], allowCredentials: true, maxAgeSeconds: 60}}\n"


class Site:
    def __init__(self, folder: Path, more: str) -> None:
        folder.mkdir()
        fields = {**FOREVER, "ETag": '"a"', "Access-Control-Allow-Origin": "https://upstream.example"}
        self.origin = ContentOrigin({"/a": Content(b"hello", fields)})
        self.edge = EdgeNode(folder, "cors", self.origin.port, more=more)

    def get(self, version: str, origin: str | None, *options: str, path: str = "/a") -> Answer:
        fields = ["-H", f"Origin: {origin}"] if origin else []
        return fetch(self.edge.secure(path), version, *fields, *options, ca=self.edge.keys.ca)

    def preflight(self, version: str, origin: str, headers: str | None = None) -> Answer:
        fields = ["-H", f"Access-Control-Request-Headers: {headers}"] if headers else []
        asked = ["-X", "OPTIONS", "-H", "Access-Control-Request-Method: GET", *fields]
        return self.get(version, origin, *asked)

    def close(self) -> None:
        self.edge.program.require_running()
        self.edge.stop()
        self.origin.close()


@pytest.fixture(scope="module")
def open_site(work_folder: Path) -> Iterator[Site]:
    site = Site(work_folder / "cors-open", "")
    yield site
    site.close()


@pytest.fixture(scope="module")
def named_site(work_folder: Path) -> Iterator[Site]:
    site = Site(work_folder / "cors-named", NAMED)
    yield site
    site.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("origin", [None, ALLOWED, "null"])
def test_by_default_every_site_may_read(open_site: Site, version: str, origin: str | None) -> None:
    answer = open_site.get(version, origin)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "vary" not in answer.headers and "access-control-allow-credentials" not in answer.headers
    assert ("access-control-expose-headers" in answer.headers) == bool(origin)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("options", [[], ["-I"], ["-H", "Range: bytes=1-2"], ["-H", "Range: bytes=9-"],
                                     ["-H", 'If-None-Match: "a"'], ["-X", "DELETE"]])  # fmt: skip
def test_an_allowed_site_is_named_in_every_answer(named_site: Site, version: str, options: list[str]) -> None:
    answer = named_site.get(version, ALLOWED, *options)
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["vary"].lower() == "origin"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("origin", [None, "https://evil.example", f"{ALLOWED}.evil", "http://www.example.com", "null"])
def test_another_site_is_not(named_site: Site, version: str, origin: str | None) -> None:
    for path, status in (("/a", 200), ("/%", 400)):
        answer = named_site.get(version, origin, path=path)
        assert answer.status == status
        assert "access-control-allow-origin" not in answer.headers
        assert answer.headers["vary"].lower() == "origin"


def test_a_cached_answer_does_not_name_the_site_that_came_first(named_site: Site) -> None:
    for origin in (ALLOWED, "https://b.example:8443", ALLOWED):
        assert named_site.get(HTTP_2, origin).headers["access-control-allow-origin"] == origin
    assert named_site.origin.asked["/a"] == 1


@pytest.mark.parametrize("version", VERSIONS)
def test_a_preflight(named_site: Site, version: str) -> None:
    answer = named_site.preflight(version, ALLOWED, "range, x-session")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert answer.headers["access-control-allow-credentials"] == "true"
    assert answer.headers["access-control-allow-headers"] == "range, x-session"
    assert "GET" in answer.headers["access-control-allow-methods"]
    assert answer.headers["access-control-max-age"] == "60"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_preflight_of_another_site(named_site: Site, version: str) -> None:
    answer = named_site.preflight(version, "https://evil.example", "range")
    assert answer.status == 204
    assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_preflight_where_every_site_may_read(open_site: Site, version: str) -> None:
    answer = open_site.preflight(version, ALLOWED)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "range" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize("version", VERSIONS)
def test_options_without_a_preflight(open_site: Site, version: str) -> None:
    answer = open_site.get(version, None, "-X", "OPTIONS")
    assert (answer.status, answer.headers["allow"]) == (204, "GET, HEAD, OPTIONS")
    assert "content-length" not in answer.headers
