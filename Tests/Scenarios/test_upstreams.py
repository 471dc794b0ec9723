# SPDX-License-Identifier: Apache-2.0
"""The way upstream: TLS and whom it trusts, failover and its order, health checks, bounded load, fair queues."""

import json
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from certificates import Authority, Certificate
from curl import fetch
from edge_node import EdgeNode
from named_upstream import NamedUpstream

QUICK = "connectTimeoutMilliseconds: 1000, firstByteTimeoutMilliseconds: 4000"


@pytest.fixture(scope="module")
def folder(work_folder: Path) -> Path:
    return work_folder / "upstreams"


@pytest.fixture(scope="module")
def authority(folder: Path) -> Authority:
    return Authority(folder / "authority")


@contextmanager
def upstreams(*names: str, tls: ssl.SSLContext | None = None) -> Iterator[list[NamedUpstream]]:
    served = [NamedUpstream(name, tls) for name in names]
    try:
        yield served
    finally:
        for server in served:
            server.is_hanging = False
            server.stop()


@contextmanager
def edge(folder: Path, name: str, servers: list[NamedUpstream], more: str = QUICK, workers: int = 1) -> Iterator[EdgeNode]:
    listed = ", ".join(server.endpoint for server in servers)
    node = EdgeNode(folder, name, f"{{servers: [{listed}], {more}}}", workers=workers)
    try:
        yield node
        node.program.require_running()
    finally:
        assert node.stop() == 0


def wait_for(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.05)


def log(node: EdgeNode, message: str) -> list[dict[str, str]]:
    """The lines of the edge's log with this message."""
    return [line for line in map(json.loads, node.program.log.read_text().splitlines()) if message in line.values()]


def is_up(node: EdgeNode, server: NamedUpstream) -> bool:
    return node.metric(f'spillway_upstream_up{{server="{server.endpoint}"}}') == 1


def answered_by(node: EdgeNode, path: str) -> str:
    answer = fetch(node.plain(path))
    assert answer.status == 200, answer
    return answer.body.decode().partition(" ")[0]


# TLS.


def server_context(certificate: Certificate, ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.certificate, certificate.key)
    context.set_alpn_protocols(["http/1.1"])
    if ca:
        context.load_verify_locations(ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def test_a_verified_upstream_is_used_and_resumed(folder: Path, authority: Authority) -> None:
    context = server_context(authority.issue("good", "origin.example"))
    seen: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: seen.append(name)
    with upstreams("a", tls=context) as servers:
        tls = f"tls: {{enabled: true, serverName: origin.example, caFile: {authority.ca}}}, idleTimeoutMilliseconds: 500"
        with edge(folder, "tls-good", servers, tls) as node:
            assert answered_by(node, "/one") == "a"
            assert answered_by(node, "/two") == "a"
            assert servers[0].handshakes == 1, "the connection was not kept"
            wait_for(lambda: servers[0].connections_open == 0)
            assert answered_by(node, "/three") == "a"
            assert (servers[0].handshakes, servers[0].resumed) == (2, 1)
    assert set(seen) == {"origin.example"}


def test_an_address_in_the_certificate_will_do(folder: Path, authority: Authority) -> None:
    with upstreams("a", tls=server_context(authority.issue("address", "127.0.0.1"))) as servers:
        with edge(folder, "tls-address", servers, f"tls: {{enabled: true, caFile: {authority.ca}}}") as node:
            assert answered_by(node, "/one") == "a"


@pytest.mark.parametrize("protocol", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_large_body_comes_whole_over_tls(folder: Path, authority: Authority, protocol: ssl.TLSVersion) -> None:
    context = server_context(authority.issue("large", "127.0.0.1"))
    context.minimum_version = context.maximum_version = protocol
    with upstreams("a" * 3_000_000, tls=context) as servers:
        name = f"tls-large-{protocol.name}"
        with edge(folder, name, servers, f"tls: {{enabled: true, caFile: {authority.ca}}}") as node:
            for path in ("/one", "/two"):
                assert fetch(node.plain(path)).body == f"{servers[0].name} {path}".encode()


def test_who_is_not_who_it_should_be_is_refused(folder: Path, authority: Authority) -> None:
    other = Authority(folder / "other-authority")
    cases = [
        ("name", authority.issue("name", "other.example"), "hostname mismatch"),
        ("authority", other.issue("authority", "origin.example"), "unable to get local issuer certificate"),
        ("expired", authority.issue("expired", "origin.example", days=-1), "certificate has expired"),
    ]
    for name, certificate, reason in cases:
        with upstreams("a", tls=server_context(certificate)) as servers:
            tls = f"tls: {{enabled: true, serverName: origin.example, caFile: {authority.ca}}}"
            with edge(folder, f"tls-{name}", servers, tls) as node:
                assert fetch(node.plain("/one")).status == 502
                failures = [line["failure"] for line in log(node, "A fill failed")]
                assert failures and all(reason in failure for failure in failures), failures
                assert not servers[0].asked
        with upstreams("a", tls=server_context(certificate)) as servers:
            with edge(folder, f"tls-{name}-unverified", servers, "tls: {enabled: true, verify: false}") as node:
                assert answered_by(node, "/one") == "a"


def test_the_systems_store_does_not_know_a_private_authority(folder: Path, authority: Authority) -> None:
    with upstreams("a", tls=server_context(authority.issue("private", "127.0.0.1"))) as servers:
        with edge(folder, "tls-system", servers, "tls: {enabled: true}") as node:
            assert fetch(node.plain("/one")).status == 502


def test_a_certificate_is_shown_to_who_asks_for_it(folder: Path, authority: Authority) -> None:
    client = authority.issue("client", "edge.example")
    context = server_context(authority.issue("mutual", "127.0.0.1"), authority.ca)
    with upstreams("a", tls=context) as servers:
        trust = f"enabled: true, caFile: {authority.ca}"
        with edge(folder, "tls-without", servers, f"tls: {{{trust}}}") as node:
            assert fetch(node.plain("/one")).status == 502
        ours = f"certificate: {client.certificate}, key: {client.key}"
        with edge(folder, "tls-mutual", servers, f"tls: {{{trust}, {ours}}}") as node:
            assert answered_by(node, "/one") == "a"


def test_a_plain_server_is_no_tls_server(folder: Path) -> None:
    with upstreams("a") as servers, edge(folder, "tls-plain", servers, "tls: {enabled: true, verify: false}") as node:
        assert fetch(node.plain("/one")).status == 502
        assert "tls(" in log(node, "A fill failed")[0]["failure"]


# Names.


def test_host_is_what_the_configuration_says(folder: Path) -> None:
    with upstreams("a") as (server,):
        named = f"{{endpoint: {server.endpoint}, name: origin.example}}"
        cases = [
            (server.endpoint, "", server.endpoint),
            (named, "", f"origin.example:{server.port}"),
            (server.endpoint, ", hostHeader: cdn.example", None),
        ]
        for index, (entry, more, host) in enumerate(cases):
            node = EdgeNode(folder, f"host-{index}", f"{{servers: [{entry}]{more}}}")
            assert fetch(node.plain(f"/{index}")).status == 200
            if host:
                assert server.hosts[-1] == host
            assert node.stop() == 0


# Failover.


def owners(node: EdgeNode, paths: list[str]) -> dict[str, str]:
    with ThreadPoolExecutor(8) as pool:
        return dict(zip(paths, pool.map(lambda path: answered_by(node, path), paths), strict=True))


def test_a_killed_shield_moves_its_own_paths_alone(folder: Path) -> None:
    with upstreams("a", "b", "c") as servers:
        health = "maxFails: 2, downMilliseconds: 300, downMaxMilliseconds: 300"
        with edge(folder, "failover", servers, health, workers=2) as node:
            before = owners(node, [f"/v/{number}/first" for number in range(60)])
            shares = Counter(before.values())
            assert all(shares[name] >= 8 for name in "abc"), shares
        # Another edge agrees with it, whatever the order of its list.
        with edge(folder, "failover-again", servers[::-1], health, workers=2) as node:
            assert owners(node, list(before)) == before
        servers[1].stop()
        with edge(folder, "failover-down", servers, health, workers=2) as node:
            after = owners(node, list(before))
            assert {path for path in before if before[path] != after[path]} == {
                path for path in before if before[path] == "b"
            }
            # What the lost one had goes to both others, not to a single neighbour.
            assert set(after[path] for path in before if before[path] == "b") == {"a", "c"}
            assert not is_up(node, servers[1]) and is_up(node, servers[0]) and is_up(node, servers[2])
            assert log(node, "An upstream server is down")[0]["server"] == servers[1].endpoint
            servers[1].start()
            # One request at a time tries it; when that went well its paths are its own again.
            wait_for(lambda: bool(answered_by(node, f"/v/{time.monotonic_ns()}")) and is_up(node, servers[1]))
            assert log(node, "An upstream server is up again")


def test_a_try_that_broke_is_made_at_another_server(folder: Path) -> None:
    with upstreams("a", "b") as servers, edge(folder, "retry", servers, f"maxFails: 0, {QUICK}") as node:
        servers[0].resets_next = 1000
        for number in range(20):
            assert answered_by(node, f"/v/{number}") == "b"
        # Those that belong to `a` were tried there first.
        assert servers[0].asked


def test_both_broken_is_an_error_after_one_retry(folder: Path) -> None:
    with upstreams("a", "b", "c") as servers, edge(folder, "retries", servers, f"maxFails: 0, {QUICK}") as node:
        for server in servers:
            server.resets_next = 100
        assert fetch(node.plain("/v/1")).status == 502
        assert sum(server.asked["/v/1"] for server in servers) == 2


def test_the_fallback_is_asked_only_while_every_shield_is_down(folder: Path) -> None:
    with upstreams("a", "b") as servers, upstreams("origin") as (origin,):
        more = f"fallback: [{origin.endpoint}], maxFails: 1, downMilliseconds: 60000, downMaxMilliseconds: 60000"
        with edge(folder, "fallback", servers, more) as node:
            assert set(owners(node, [f"/v/{number}/1" for number in range(20)]).values()) == {"a", "b"}
            servers[0].stop()
            assert set(owners(node, [f"/v/{number}/2" for number in range(20)]).values()) == {"b"}
            assert not origin.asked
            servers[1].stop()
            assert set(owners(node, [f"/v/{number}/3" for number in range(20)]).values()) == {"origin"}


def test_without_a_fallback_nobody_else_is_asked_and_recovery_is_at_once(folder: Path) -> None:
    with upstreams("a") as (server,):
        with edge(folder, "alone", [server], "maxFails: 1, downMilliseconds: 60000, downMaxMilliseconds: 60000") as node:
            server.stop()
            for number in range(5):
                assert fetch(node.plain(f"/{number}")).status == 503
            server.start()
            assert answered_by(node, "/back") == "a"
            wait_for(lambda: is_up(node, server))


# Health checks.

CHECKS = "health: {intervalMilliseconds: 200, timeoutMilliseconds: 200, healthyThreshold: 2, unhealthyThreshold: 2}"


def test_checks_take_a_hanging_server_out_and_bring_it_back(folder: Path) -> None:
    with upstreams("a", "b") as servers, edge(folder, "checks", servers, CHECKS) as node:
        wait_for(lambda: all(server.asked["/healthz"] > 2 for server in servers))
        servers[0].is_hanging = True
        wait_for(lambda: not is_up(node, servers[0]))
        start = time.monotonic()
        assert set(owners(node, [f"/v/{number}" for number in range(20)]).values()) == {"b"}
        assert time.monotonic() - start < 3
        assert servers[0].paths() == set()
        assert "checks fail" in log(node, "An upstream server is down")[0]["reason"]
        servers[0].is_hanging = False
        wait_for(lambda: is_up(node, servers[0]))
        assert set(owners(node, [f"/w/{number}" for number in range(20)]).values()) == {"a", "b"}
        assert node.metric(f'spillway_upstream_checks_failed_total{{server="{servers[0].endpoint}"}}') >= 2


def test_a_bad_status_is_a_bad_check(folder: Path) -> None:
    with upstreams("a", "b") as servers:
        servers[0].status = 500
        with edge(folder, "status", servers, CHECKS) as node:
            wait_for(lambda: not is_up(node, servers[0]))
            assert "status 500" in log(node, "An upstream server is down")[0]["reason"]
            assert is_up(node, servers[1])


def test_what_checks_have_found_down_is_not_asked(folder: Path) -> None:
    with upstreams("a") as (server,):
        server.status = 500
        with edge(folder, "all-down", [server], CHECKS) as node:
            wait_for(lambda: not is_up(node, server))
            start = time.monotonic()
            assert fetch(node.plain("/one")).status == 503
            assert time.monotonic() - start < 1 and server.paths() == set()


# Load.


def fetch_all(node: EdgeNode, paths: list[str]) -> list[int]:
    with ThreadPoolExecutor(len(paths)) as pool:
        return list(pool.map(lambda path: fetch(node.plain(path)).status, paths))


def key_owned_by(node: EdgeNode, name: str) -> Iterator[str]:
    """Paths that belong to a server, found by asking."""
    for number in range(10_000):
        if answered_by(node, f"/find/{number}") == name:
            yield f"/find/{number}"


@pytest.mark.parametrize(("factor", "spills"), [("1.25", True), ("0", False)])
def test_a_server_gets_no_more_than_its_bound(folder: Path, factor: str, spills: bool) -> None:
    with upstreams("a", "b") as servers:
        # The paths of server `a` are found first, by another edge.
        with edge(folder, f"bound-find-{spills}", servers) as finder:
            found = key_owned_by(finder, "a")
            paths = [next(found) for _ in range(48)]
        for server in servers:
            server.asked.clear()
            server.under_way_max = 0
            server.delay_seconds = 1.5
        with edge(folder, f"bound-{spills}", servers, f"loadFactor: {factor}, {QUICK}") as node:
            assert set(fetch_all(node, paths)) == {200}
        assert sum(server.asked.total() for server in servers) == 48
        # 1.25 times half of 48 is 30.
        assert servers[0].under_way_max == (pytest.approx(30, abs=1) if spills else 48)
        assert bool(servers[1].asked) == spills


def test_one_videos_misses_do_not_hold_up_another(folder: Path) -> None:
    with upstreams("a") as (server,):
        server.delay_seconds = 0.1
        with edge(folder, "fair", [server], f"fetchesMax: 2, {QUICK}") as node:
            with ThreadPoolExecutor(41) as pool:
                viral = [pool.submit(fetch, node.plain(f"/v/viral/{number}")) for number in range(40)]
                wait_for(lambda: server.asked.total() >= 2)
                time.sleep(0.2)  # all of them wait by now
                quiet = pool.submit(fetch, node.plain("/v/quiet/0"))
                assert quiet.result().status == 200
                assert {answer.result().status for answer in viral} == {200}
        # In turn: with two at once, one of those that were under way and one more at most may come before it ends.
        place = server.order.index("/v/quiet/0")
        assert place < 15, f"{place} viral ones were asked for first"
        assert server.under_way_max == 2


def test_who_waits_too_long_is_refused(folder: Path) -> None:
    with upstreams("a") as (server,):
        server.delay_seconds = 1
        with edge(folder, "queue", [server], f"fetchesMax: 1, queueMilliseconds: 300, {QUICK}") as node:
            statuses = Counter(fetch_all(node, [f"/v/{number}" for number in range(5)]))
            assert statuses == {200: 1, 503: 4}
            assert is_up(node, server), "it is not the server's fault"
