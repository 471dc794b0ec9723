# SPDX-License-Identifier: Apache-2.0
"""What of a request goes upstream, and what keeps requests apart: fields, loops, queries, hosts."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from caching_site import Site, header
from curl import HTTP_1, HTTP_2, fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh


@pytest.fixture(scope="module")
def site(work_folder: Path) -> Iterator[Site]:
    origin = ReplyOrigin()
    node = EdgeNode(work_folder / "http-forwarding", "caching-edge", origin.port, workers=2, requests="{}")
    yield Site(origin, node)
    node.stop()
    origin.close()


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_fields_go_upstream_but_for_those_of_the_connection(site: Site, version: str) -> None:
    path = site.path(Reply())
    fields = [("X-Own", "1"), ("User-Agent", "tester"), ("Cookie", "a=b; hdnts=secret; c=d"), ("Accept-Encoding", "br")]
    hop = [("Connection", "close, X-Hop"), ("X-Hop", "1"), ("Keep-Alive", "x")] if version == HTTP_1 else []
    site.get(path, *itertools.chain(*(header(*field) for field in fields + hop)), version=version)
    seen = site.origin.at(path)[0].fields
    assert (seen["x-own"], seen["user-agent"], seen["cookie"].replace(" ", "")) == ("1", "tester", "a=b;c=d")
    assert not {"x-hop", "keep-alive", "accept-encoding", "connection"} & set(seen)
    assert seen["via"].endswith("caching-edge") and "caching-edge" in seen["cdn-loop"]


def test_a_request_that_has_been_here_is_a_loop(site: Site) -> None:
    path = site.path(Reply())
    site.get(path)
    loop = site.origin.at(path)[0].fields["cdn-loop"]
    answer = site.get(site.path(Reply()), *header("CDN-Loop", f"other, {loop}"))
    assert answer.status == 508
    assert "proxy_loop_detected" in answer.headers["proxy-status"]


def test_the_query_is_part_of_the_key(site: Site) -> None:
    path = site.path()
    for query in ("?a=1", "?a=2"):
        site.origin.replies[path + query] = [fresh(body=query.encode())]
    assert [site.get(path + query).body for query in ("?a=1", "?a=2", "?a=1")] == [b"?a=1", b"?a=2", b"?a=1"]


def test_hosts_are_kept_apart_where_they_go_upstream(work_folder: Path) -> None:
    origin = ReplyOrigin()
    origin.replies["/same"] = [lambda asked: fresh(body=asked.fields["host"].encode())]
    upstream = f"{{servers: [127.0.0.1:{origin.port}], hostHeader: client}}"
    node = EdgeNode(work_folder / "http-forwarding-hosts", "hosts-edge", upstream, requests="{methods: all}")
    try:
        for _ in range(2):
            for host in ("a.example", "B.example", "b.example:81"):
                answer = fetch(node.plain("/same"), *header("Host", host), seconds=10)
                assert answer.body.lower() == host.lower().encode()
        assert len(origin.at("/same")) == 3
        fetch(node.plain("/same"), "-X", "POST", "-d", "x", *header("Host", "a.example"), seconds=10)
        fetch(node.plain("/same"), *header("Host", "a.example"), seconds=10)
        fetch(node.plain("/same"), *header("Host", "b.example"), seconds=10)
        assert [asked.fields["host"] for asked in origin.at("/same")[3:]] == ["a.example", "a.example"]
    finally:
        node.stop()
        origin.close()
