# SPDX-License-Identifier: Apache-2.0
"""One fetch for all who ask of two tiers: edges in front of shields, and shields or an origin that go away."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from coalescing_site import BODY, SLICE, WIDE, assert_cut_off, assert_whole
from crowd import Crowd, wait_until
from curl import fetch
from edge_node import EdgeNode
from reply_origin import Reply, ReplyOrigin, fresh


@pytest.fixture(scope="module")
def folder(work_folder: Path) -> Path:
    return work_folder / "coalescing-tiers"


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """What an answer waits for; open in the end, whatever happens."""
    gate = threading.Event()
    yield gate
    gate.set()


@dataclass(frozen=True)
class Tiers:
    """Two edges in front of two shields in front of an origin."""

    origin: ReplyOrigin
    shields: list[EdgeNode]
    edges: list[EdgeNode]


@pytest.fixture
def tiers(folder: Path) -> Iterator[Tiers]:
    with ExitStack() as stack:
        origin = ReplyOrigin()
        stack.callback(origin.close)

        def start(name: str, upstream: str, more: str = "") -> EdgeNode:
            cache = "{staleIfErrorSeconds: 60, standInMilliseconds: 100}"
            node = EdgeNode(folder, name, upstream, cache=cache, workers=2, more=more)
            stack.callback(node.stop)
            return node

        shields = [
            start(f"tier-shield-{name}", f"{{servers: [127.0.0.1:{origin.port}], {WIDE}}}", "role: shield\n")
            for name in "ab"
        ]
        endpoints = ", ".join(f"127.0.0.1:{shield.plain_port}" for shield in shields)
        upstream = f"{{servers: [{endpoints}], {WIDE}, maxFails: 1, downMilliseconds: 300, downMaxMilliseconds: 300}}"
        yield Tiers(origin, shields, [start(f"tier-edge-{number}", upstream) for number in (1, 2)])


def test_two_tiers_ask_once_and_cut_off_together(tiers: Tiers, gate: threading.Event) -> None:
    origin = tiers.origin
    origin.replies["/cold"] = [fresh(body=BODY, head_gate=gate)]
    origin.replies["/broken"] = [fresh(body=BODY, head_gate=gate, reset_after=SLICE), fresh(body=BODY)]
    crowds = [Crowd(edge, path, http1=25, http2=25) for edge in tiers.edges for path in ("/cold", "/broken")]
    for edge in tiers.edges:
        wait_until(lambda edge=edge: edge.metric("spillway_readers_waiting") == 100)
    gate.set()
    for index, crowd in enumerate(crowds):
        assert_whole(crowd.seen(), BODY) if index % 2 == 0 else assert_cut_off(crowd.seen())
    assert len(origin.at("/cold")) == len(origin.at("/broken")) == 1
    assert sum(shield.metric("spillway_requests_total") for shield in tiers.shields) == 4
    for edge in tiers.edges:
        assert fetch(edge.plain("/broken")).body == BODY
    assert len(origin.at("/broken")) == 2


def test_nobody_goes_round_a_dead_shield(tiers: Tiers) -> None:
    """The next shield, then what is stale, then 503; never the origin, and never for long."""
    origin, edge = tiers.origin, tiers.edges[0]
    paths = [f"/t/{number}" for number in range(12)]
    for path in paths:
        origin.replies[path] = [Reply(fields=[("cache-control", "max-age=1"), ("etag", '"1"')], body=path.encode())]
        assert fetch(edge.plain(path)).body == path.encode()
    assert {asked.fields["via"].split(", ")[0] for asked in origin.asked} == {"1.1 tier-edge-1"}
    used = {asked.fields["via"].split(", ")[1] for asked in origin.asked}
    assert used == {"1.1 tier-shield-a", "1.1 tier-shield-b"}

    tiers.shields[0].program.kill()
    origin.asked.clear()
    for number in range(12):
        origin.replies[f"/u/{number}"] = [fresh(body=b"by the other")]
        assert fetch(edge.plain(f"/u/{number}")).body == b"by the other"
    assert {asked.fields["via"].split(", ")[1] for asked in origin.asked} == {"1.1 tier-shield-b"}

    time.sleep(1.1)
    tiers.shields[1].program.kill()
    origin.asked.clear()
    for path in paths:
        stale = fetch(edge.plain(path), seconds=5)
        assert (stale.status, stale.body) == (200, path.encode())
        assert "stale-if-error" in stale.headers["cache-status"]
    started = time.monotonic()
    seen = Crowd(edge, "/u/new", http1=75, http2=25).seen()
    assert {(answer.status, answer.is_whole) for answer in seen} == {(503, True)}
    assert {answer.fields["retry-after"] for answer in seen} == {"1"}
    assert all("connection_refused" in answer.fields["proxy-status"] for answer in seen)
    assert time.monotonic() - started < 5
    assert origin.asked == []


def test_a_shield_without_its_origin_is_503_or_stale_at_the_edge(folder: Path) -> None:
    """A bad answer is 502, none at all is 503; the edge passes on what its shield says, or has something stale."""
    with ExitStack() as stack:
        origin = ReplyOrigin()
        upstream = f"{{servers: [127.0.0.1:{origin.port}], idleTimeoutMilliseconds: 50}}"
        shield = EdgeNode(folder, "lone-shield", upstream, workers=2, more="role: shield\n")
        stack.callback(shield.stop)
        edge = EdgeNode(folder, "lone-edge", shield.plain_port, cache="{staleIfErrorSeconds: 60}", workers=2)
        stack.callback(edge.stop)
        origin.replies["/kept"] = [Reply(fields=[("cache-control", "max-age=0"), ("etag", '"1"')], body=b"kept")]
        origin.replies["/dropped"] = [Reply(drops=True)]
        assert fetch(edge.plain("/kept")).body == b"kept"
        bad = fetch(edge.plain("/dropped"))
        assert bad.status == 502 and "retry-after" not in bad.headers
        time.sleep(1.2)  # connections that are kept would still be served
        origin.close()
        none = fetch(edge.plain("/never"))
        assert none.status == 503 and none.headers["retry-after"] == "1"
        stale = fetch(edge.plain("/kept"))
        assert (stale.status, stale.body) == (200, b"kept") and "stale-if-error" in stale.headers["cache-status"]
