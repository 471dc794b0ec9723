# SPDX-License-Identifier: Apache-2.0
"""Sites: hosts with tokens, upstreams and rules of their own, that share nothing but the process."""

import json
import re
import secrets
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import Authority
from configured_edge import ConfiguredEdge
from curl import HTTP_1, HTTP_2
from reply_origin import Reply, fresh, serve_ranges
from site_setup import Setup, SiteOrigin, ask, until
from stack.paths import program
from stack.ports import free_ports

SLICE = 262_144


@pytest.fixture(scope="module")
def authority(work_folder: Path) -> Authority:
    return Authority(work_folder / "sites" / "keys")


@pytest.fixture
def make(work_folder: Path, authority: Authority, request: pytest.FixtureRequest) -> Iterator[Callable[..., Setup]]:
    """Starts the edge with more lines of configuration; all of it ends with the test."""
    made: list[Setup] = []

    def make(more: str = "") -> Setup:
        """`more` are further lines of the edge's configuration; FOLDER in them is the scenario's own."""
        name = re.sub(r"\W+", "-", request.node.name)
        folder = work_folder / "sites" / name
        folder.mkdir(parents=True)
        hosts = ["one.example", "www.one.example", "*.two.example", "two.example", "three.example", "other.example", "127.0.0.1"]
        certificate = authority.issue(name, *hosts)
        port, admin = free_ports(2)
        setup = Setup(
            folder, authority, certificate, port, admin, SiteOrigin("top"), SiteOrigin("one"), SiteOrigin("two"),
            secrets.token_hex(32), secrets.token_hex(32), None,  # type: ignore[arg-type]
        )  # fmt: skip
        setup.edge = ConfiguredEdge(folder, "sites", admin, setup.text(more=more))
        made.append(setup)
        return setup

    try:
        yield make
        for setup in made:
            setup.edge.program.require_running()
    finally:
        for setup in made:
            setup.edge.program.stop()
            for origin in (setup.top, setup.one, setup.two):
                origin.close()


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_the_same_path_is_something_else_on_each_site(make: Callable[..., Setup], version: str) -> None:
    setup = make()
    for round_ in range(2):  # from upstream, then from the cache
        for query in ("", "?q=1"):
            path = f"/v/a{query}"
            one = setup.get("one.example", setup.signed(setup.one_key, path), version)
            assert (one.status, one.body) == (200, f"one {path}".encode())
            two = setup.get("two.example", path, version)
            assert (two.status, two.body) == (200, f"two {path}".encode())
            top = setup.get("other.example", setup.signed(setup.top_key, path), version)
            assert (top.status, top.body) == (200, f"top {path}".encode())
            if round_ == 1:
                assert all("hit" in answer.headers["cache-status"] for answer in (one, two, top))
    for origin in (setup.one, setup.two, setup.top):
        assert [asked.path for asked in origin.asked] == ["/v/a", "/v/a?q=1"]
    assert setup.one.asked[0].fields["host"] == "one.example"
    assert setup.two.asked[0].fields["host"] == f"127.0.0.1:{setup.two.port}"
    assert setup.edge.metric('spillway_site_requests_total{site="one.example"}') == 4
    assert setup.edge.metric('spillway_site_requests_total{site="*.two.example"}') == 4
    log = setup.folder / "access.jsonl"
    until(lambda: log.read_text().count("\n") == 12, "every request is logged")
    logged = Counter(json.loads(line).get("site") for line in log.read_text().splitlines())
    assert logged == {"one.example": 4, "*.two.example": 4, None: 4}


def test_the_hosts_of_a_site_share_what_is_stored(make: Callable[..., Setup]) -> None:
    setup = make()
    for host in ("two.example", "a.two.example", "B.Two.Example"):
        assert setup.get(host, "/shared").body == b"two /shared"
    assert setup.get("www.one.example", setup.signed(setup.one_key, "/shared")).body == b"one /shared"
    assert setup.get("one.example", setup.signed(setup.one_key, "/shared")).body == b"one /shared"
    assert (len(setup.two.asked), len(setup.one.asked)) == (1, 1)
    # A wildcard stands for one label.
    with setup.client() as client:
        assert ask(client, 1, "a.b.two.example", "/shared")[0] == 403
        assert ask(client, 3, "a.b.two.example", setup.signed(setup.top_key, "/shared")) == (200, b"top /shared")
        assert ask(client, 5, f"A.TWO.example:{setup.port}", "/shared") == (200, b"two /shared")


def test_a_token_opens_its_own_site_alone_on_one_connection(make: Callable[..., Setup]) -> None:
    """A browser asks for several hosts of a certificate over one connection (RFC 9113 section 9.1.1)."""
    setup = make()
    one, top = (setup.signed(key, "/v/secret") for key in (setup.one_key, setup.top_key))
    with setup.client() as client:
        stream = 1
        for _ in range(2):  # the second time the connection remembers the tokens
            for host, path, expected in [
                ("one.example", one, (200, b"one /v/secret")),
                ("other.example", one, 403),
                ("other.example", top, (200, b"top /v/secret")),
                ("one.example", top, 403),
                ("two.example", "/v/secret", (200, b"two /v/secret")),
                ("one.example", "/v/secret", 403),
            ]:
                answer = ask(client, stream, host, path)
                assert (answer if isinstance(expected, tuple) else answer[0]) == expected, (host, path)
                stream += 2
    assert setup.edge.metric("spillway_tokens_verified_total") == 2
    assert setup.edge.metric("spillway_tokens_rejected_total") == 6
    assert setup.edge.metric("spillway_connections_accepted_total") == 1


def test_each_site_says_who_may_read_it(make: Callable[..., Setup]) -> None:
    setup = make()

    def allowed(host: str, path: str, origin: str, *options: str) -> tuple[str | None, str | None]:
        headers = setup.get(host, path, "-H", f"origin: {origin}", *options).headers
        return headers.get("access-control-allow-origin"), headers.get("access-control-allow-credentials")

    one, top = (setup.signed(key, "/cors") for key in (setup.one_key, setup.top_key))
    player = "https://player.one.example"
    preflight = ("-X", "OPTIONS", "-H", "access-control-request-method: GET")
    for options in ((), preflight):
        assert allowed("one.example", one, player, *options) == (player, "true")
        assert allowed("one.example", one, "https://top.example", *options) == (None, None)
        assert allowed("two.example", "/cors", player, *options) == ("*", None)
        assert allowed("other.example", top, player, *options) == (None, None)
        assert allowed("other.example", top, "https://top.example", *options) == ("https://top.example", None)
    # What is answered when a fill has brought it, and errors too.
    assert allowed("one.example", setup.signed(setup.one_key, "/cors/miss"), player) == (player, "true")
    assert allowed("one.example", "/cors", player) == (player, "true")
    setup.one.replies["/cors/none"] = [Reply(drops=True)]
    assert allowed("one.example", setup.signed(setup.one_key, "/cors/none"), player) == (player, "true")


def test_methods_rules_and_failures_are_the_sites_own(make: Callable[..., Setup]) -> None:
    setup = make()
    assert setup.get("two.example", "/form").body == b"two /form"
    assert setup.get("other.example", setup.signed(setup.top_key, "/form")).body == b"top /form"
    setup.two.replies["/form"] = [Reply(body=b"taken"), fresh(body=b"changed")]
    # A site without tokens is passed through, one with tokens is only read.
    posted = setup.get("two.example", "/form", "--data", "a=1")
    assert (posted.status, posted.body, setup.two.at("/form")[1].body) == (200, b"taken", b"a=1")
    assert setup.get("one.example", setup.signed(setup.one_key, "/form"), "--data", "a=1").status == 405
    assert setup.get("two.example", "/form").body == b"changed"
    assert setup.get("other.example", setup.signed(setup.top_key, "/form")).body == b"top /form"
    assert len(setup.top.at("/form")) == 1, "a change of another site made it invalid"
    # cache: negativeSeconds.
    for origin in (setup.two, setup.one):
        origin.replies["/none"] = [Reply(404, body=b"no")]
    for _ in range(2):
        assert setup.get("two.example", "/none").status == 404
        assert setup.get("one.example", setup.signed(setup.one_key, "/none")).status == 404
    assert (len(setup.two.at("/none")), len(setup.one.at("/none"))) == (1, 2)


def test_what_goes_on_in_the_background_asks_the_sites_upstream(make: Callable[..., Setup]) -> None:
    setup = make()
    # Revalidation.
    stale = [("cache-control", "max-age=0, stale-while-revalidate=60"), ("etag", '"a"')]
    setup.two.replies["/stale"] = [Reply(fields=stale, body=b"old"), fresh(body=b"new")]
    assert setup.get("two.example", "/stale").body == b"old"
    assert setup.get("two.example", "/stale").body == b"old"
    until(lambda: len(setup.two.at("/stale")) == 2, "it is validated in the background")
    until(lambda: setup.get("two.example", "/stale").body == b"new", "the new one is used")
    # Slices of a range, and those behind them.
    body = secrets.token_bytes(6 * SLICE)
    fields = [("cache-control", "max-age=600"), ("etag", '"big"')]
    setup.two.replies["/big"] = [serve_ranges(body, fields)]
    part = setup.get("two.example", "/big", "-H", f"range: bytes={2 * SLICE}-{3 * SLICE - 1}")
    assert (part.status, part.body) == (206, body[2 * SLICE : 3 * SLICE])
    assert setup.get("two.example", "/big").body == body
    assert len(setup.two.at("/big")) > 1
    # The next segment, by the playlist that this site has.
    for origin, following in ((setup.two, "b.m4s"), (setup.one, "c.m4s")):
        text = f"#EXTM3U\n#EXT-X-TARGETDURATION:4\n#EXTINF:4,\na.m4s\n#EXTINF:4,\n{following}\n#EXT-X-ENDLIST\n"
        kind = [("content-type", "application/vnd.apple.mpegurl")]
        origin.replies["/v/p/i.m3u8"] = [fresh(fields=kind, body=text.encode())]
    setup.get("two.example", "/v/p/i.m3u8")
    setup.get("one.example", setup.signed(setup.one_key, "/v/p/i.m3u8"))
    time.sleep(0.2)  # the playlists are read
    setup.get("two.example", "/v/p/a.m4s")
    until(lambda: len(setup.two.at("/v/p/b.m4s")) == 1, "the next segment is fetched")
    setup.get("one.example", setup.signed(setup.one_key, "/v/p/a.m4s"))
    until(lambda: len(setup.one.at("/v/p/c.m4s")) == 1, "the next segment is fetched")
    assert setup.get("two.example", "/v/p/b.m4s").body == b"two /v/p/b.m4s"
    time.sleep(0.2)
    assert not setup.two.at("/v/p/c.m4s") and not setup.one.at("/v/p/b.m4s")
    assert not setup.top.asked


def test_many_wait_for_one_fetch_of_each_site(make: Callable[..., Setup]) -> None:
    setup = make()
    gate = threading.Event()
    for origin in (setup.two, setup.top):
        origin.replies["/live"] = [fresh(body=origin.name.encode(), head_gate=gate)]
    answers: list[tuple[str, bytes]] = []

    def watch(host: str, path: str) -> None:
        answers.append((host, setup.get(host, path).body))

    paths = {"two.example": "/live", "other.example": setup.signed(setup.top_key, "/live")}
    watchers = [threading.Thread(target=watch, args=item) for item in list(paths.items()) * 6]
    for watcher in watchers:
        watcher.start()
    until(lambda: setup.edge.metric("spillway_readers_waiting") == 12, "all wait")
    gate.set()
    for watcher in watchers:
        watcher.join()
    assert sorted(answers) == [("other.example", b"top")] * 6 + [("two.example", b"two")] * 6
    assert (len(setup.two.asked), len(setup.top.asked)) == (1, 1)


def test_a_site_whose_server_is_down_takes_no_other_with_it(make: Callable[..., Setup]) -> None:
    setup = make()
    setup.two.close()
    try:
        for number in range(4):
            assert setup.get("two.example", f"/down/{number}").status in (502, 503)
            answer = setup.get("other.example", setup.signed(setup.top_key, f"/down/{number}"))
            assert answer.body == f"top /down/{number}".encode()
        server = f'{{server="127.0.0.1:{setup.two.port}"}}'
        until(lambda: setup.edge.metric(f"spillway_upstream_up{server}") == 0, "it is found down")
        assert not any(asked.path.startswith("/down") for asked in setup.one.asked)
        assert setup.edge.metric(f'spillway_upstream_up{{server="127.0.0.1:{setup.top.port}"}}') == 1
    finally:
        setup.two = SiteOrigin("two")


@pytest.mark.parametrize("version", [HTTP_1, HTTP_2])
def test_a_host_of_no_site_can_be_refused(make: Callable[..., Setup], version: str) -> None:
    setup = make("unknownHosts: refuse")
    for path in ("/a", setup.signed(setup.top_key, "/a")):
        for options in ((), ("-X", "OPTIONS"), ("--data", "a"), ("-I",)):
            answer = setup.get("other.example", path, version, *options)
            assert answer.status == 421, (path, options)
    assert b"This host is not one" in setup.get("other.example", "/a", version).body
    assert setup.get("two.example", "/a", version).body == b"two /a"
    with setup.client() as client:
        assert ask(client, 1, "other.example", "/a")[0] == 421
        assert ask(client, 3, "two.example", "/a") == (200, b"two /a")
        assert ask(client, 5, "other.example", "/a")[0] == 421
    assert not setup.top.asked
    assert setup.edge.metric("spillway_hosts_refused_total") == 11
    if version == HTTP_1:
        none = setup.get("other.example", "/a", "--http1.0", "--no-alpn", "-H", "host:")
        assert none.status == 421


def test_a_reload_adds_changes_and_removes_sites_without_closing_a_connection(make: Callable[..., Setup]) -> None:
    setup = make()
    added = SiteOrigin("three")
    try:
        three = f"  - {{hosts: [three.example], token: {{required: false}}, upstream: {{servers: [127.0.0.1:{added.port}]}}}}\n"
        one = setup.signed(setup.one_key, "/r")
        with setup.client() as client:
            assert ask(client, 1, "three.example", "/r")[0] == 403
            assert ask(client, 3, "one.example", one) == (200, b"one /r")
            setup.edge.reload(setup.text(setup.sites() + three))
            assert ask(client, 5, "three.example", "/r") == (200, b"three /r")
            assert ask(client, 7, "one.example", one) == (200, b"one /r")
            assert len(setup.one.asked) == 1, "a site that stays keeps what is stored"
            # A slow answer of a site that goes is finished.
            gate = threading.Event()
            added.replies["/slow"] = [fresh(body=b"x" * 200_000, body_gate=gate)]
            slow: list[bytes] = []
            reading = threading.Thread(target=lambda: slow.append(setup.get("three.example", "/slow").body))
            reading.start()
            until(lambda: bool(added.at("/slow")), "it is asked for")
            # The host now belongs to another site; the other one has new keys.
            old, setup.one_key = one, secrets.token_hex(32)
            two = setup.sites().replace("two.example]", "two.example, three.example]")
            setup.edge.reload(setup.text(two))
            assert ask(client, 9, "three.example", "/r") == (200, b"two /r")
            assert ask(client, 11, "one.example", old)[0] == 403
            assert ask(client, 13, "one.example", setup.signed(setup.one_key, "/r")) == (200, b"one /r")
            gate.set()
            reading.join()
            assert slow == [b"x" * 200_000]
            bad = setup.sites().replace("hosts: [one.example, ", "hosts: [one.example:80, ")
            line = setup.text(bad).splitlines().index("  - hosts: [one.example:80, www.one.example]") + 1
            reason = setup.edge.reload_badly(setup.text(bad))
            assert f":{line}:12: sites[0].hosts: holds `one.example:80`" in reason
            assert ask(client, 15, "one.example", setup.signed(setup.one_key, "/r"))[0] == 200
            setup.edge.reload(setup.text().replace("sites:\n" + setup.sites(), ""))
            assert ask(client, 17, "one.example", setup.signed(setup.one_key, "/r"))[0] == 403
            assert ask(client, 19, "one.example", setup.signed(setup.top_key, "/r")) == (200, b"top /r")
    finally:
        added.close()


def test_a_purge_of_one_site_leaves_the_others(make: Callable[..., Setup]) -> None:
    setup = make()
    one, top = (setup.signed(key, "/p") for key in (setup.one_key, setup.top_key))

    def purge(*words: str) -> None:
        command = [str(program("edge")), "purge", "--config", str(setup.edge.conf), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stdout + done.stderr

    def asked_again() -> list[str]:
        before = [len(origin.asked) for origin in (setup.one, setup.two, setup.top)]
        setup.get("www.one.example", one)
        setup.get("x.two.example", "/p")
        setup.get("other.example", top)
        after = [len(origin.asked) for origin in (setup.one, setup.two, setup.top)]
        return [name for name, old, new in zip(("one", "two", "top"), before, after, strict=True) if new > old]

    assert asked_again() == ["one", "two", "top"]
    assert asked_again() == []
    purge("--all", "--site", "two.example")
    assert asked_again() == ["two"]
    purge("--all", "--site", "any.two.example")
    assert asked_again() == ["two"]
    purge("--url", "/p", "--site", "WWW.one.example")
    assert asked_again() == ["one"]
    purge("--all", "--site", "other.example")
    assert asked_again() == []
    purge("--url", "/p")
    assert asked_again() == ["one", "two", "top"]


def test_a_restart_keeps_the_sites_of_the_disk_apart(make: Callable[..., Setup]) -> None:
    disk = 'cache: {disk: {folder: "FOLDER/cache", bytes: 64MiB}}'
    setup = make(disk)
    paths = {
        ("one.example", "one"): setup.signed(setup.one_key, "/kept"),
        ("two.example", "two"): "/kept",
        ("other.example", "top"): setup.signed(setup.top_key, "/kept"),
    }
    for _ in range(3):  # what is asked for again goes to disk
        for (host, name), path in paths.items():
            assert setup.get(host, path).body == f"{name} /kept".encode()
    until(lambda: setup.edge.metric("spillway_cache_disk_objects") == 3, "all three are on disk")
    assert setup.edge.program.stop() == 0
    setup.edge = ConfiguredEdge(setup.folder, "sites", setup.admin, setup.text(more=disk))
    for (host, name), path in paths.items():
        answer = setup.get(host, path)
        assert answer.body == f"{name} /kept".encode()
        assert "detail=disk" in answer.headers["cache-status"], (host, answer.headers)
    assert [len(origin.asked) for origin in (setup.one, setup.two, setup.top)] == [1, 1, 1]


def test_check_names_what_is_wrong_in_a_site(make: Callable[..., Setup]) -> None:
    setup = make()
    bad = setup.folder / "bad.conf"
    text = setup.text().replace("required: false", "requird: false").replace("one.keys", "none.keys")
    bad.write_text(text)
    checked = subprocess.run([str(program("edge")), "--config", bad, "--check"], capture_output=True, text=True)
    assert checked.returncode == 2
    line = next(index for index, line in enumerate(text.splitlines(), 1) if "requird" in line)
    assert f"{bad}:{line}:13: sites[1].token.requird: is not a known key" in checked.stderr
    bad.write_text(text.replace("requird: false", "required: false"))
    checked = subprocess.run([str(program("edge")), "--config", bad, "--check"], capture_output=True, text=True)
    assert checked.returncode == 2
    assert f"{bad}:{line - 4}:23: sites[0].token.keysFile:" in checked.stderr
