# SPDX-License-Identifier: Apache-2.0
"""Purges: the administration interface, `edge purge`, a restart after `kill -9`, and the origin that tells its nodes."""

import http.client
import json
import random
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from stack.paths import program
from stack.ports import free_ports
from stack.program import Program
from stack.stack import Stack
from viewer import read

SECONDS_MAX = 20.0
TOKEN = "a1" * 16


class Node:
    """A shield that keeps its purges in a folder, and that `kill` and `start` can bring down and up."""

    def __init__(self, folder: Path, name: str, token: str | None = TOKEN) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.name = name
        self.port, self.admin = free_ports(2)
        self.conf = folder / f"{name}.conf"
        self.token_file = folder / f"{name}.token"
        self.journal = folder / name / "purges.journal"
        token_key = ""
        if token:
            self.token_file.write_text(token + "\n")
            token_key = f", tokenFile: {json.dumps(str(self.token_file))}"
        self.conf.write_text(
            f"""\
role: shield
workers: 1
listen: [{{endpoint: 127.0.0.1:{self.port}}}]
admin: {{listen: 127.0.0.1:{self.admin}{token_key}}}
upstream: {{servers: [127.0.0.1:1]}}
purge: {{folder: {json.dumps(str(folder / name))}}}
"""
        )
        self.start()

    def start(self) -> None:
        health = f"http://127.0.0.1:{self.admin}/healthz"
        self.program = Program(self.name, [program("edge"), "--config", self.conf], self.folder / "log", health)
        try:
            self.program.wait_until_ready()
        except BaseException:
            self.program.kill()
            raise

    def post(
        self, target: str, token: str | None = TOKEN, method: str = "POST"
    ) -> tuple[int, dict[str, str], dict[str, object]]:
        """Status, fields and JSON answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=10)
        try:
            connection.request(method, target, headers={"Authorization": f"Bearer {token}"} if token else {})
            response = connection.getresponse()
            text = response.read().decode()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return response.status, fields, json.loads(text) if "json" in fields["content-type"] else {}
        finally:
            connection.close()

    def metric(self, name: str) -> int:
        return metric(self.admin, name)


def metric(admin: int, name: str) -> int:
    """A number of a program's /metrics; labels are part of the name."""
    text = read(f"http://127.0.0.1:{admin}/metrics").decode()
    found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)
    assert found, f"{name} is not in /metrics"
    return int(found.group(1))


def purge(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(program("edge")), "purge", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline, f"after {SECONDS_MAX:.0f} s still not: {what}"
        time.sleep(0.05)


@pytest.fixture
def nodes(work_folder: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Node]]:
    """Makes nodes that end with the test."""
    folder = work_folder / re.sub(r"\W+", "-", request.node.name)
    made: list[Node] = []

    def make(name: str, token: str | None = TOKEN) -> Node:
        made.append(Node(folder, name, token))
        return made[-1]

    try:
        yield make
    finally:
        for node in made:
            node.program.stop()


def test_a_purge_needs_the_token(nodes: Callable[..., Node]) -> None:
    node = nodes("node")
    for token in (None, "wrong", TOKEN[:-1], TOKEN + "a", ""):
        status, fields, answer = node.post("/purge?all=1", token)
        assert status == 401 and fields["www-authenticate"].startswith("Bearer"), token
        assert "token" in str(answer["error"])
    assert node.post("/purge?all=1", method="GET")[0] == 405
    assert node.metric('spillway_purges_total{kind="all",mode="hard"}') == 0
    status, _, answer = node.post("/purge?all=1")
    assert status == 200 and answer["items"] == 1 and answer["persisted"] is True
    assert node.metric('spillway_purges_total{kind="all",mode="hard"}') == 1
    assert TOKEN not in node.program.log.read_text()


def test_without_a_token_file_there_are_no_purges(nodes: Callable[..., Node]) -> None:
    status, _, answer = nodes("node", token=None).post("/purge?all=1")
    assert status == 403 and "admin.tokenFile" in str(answer["error"])


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "nothing is named"),
        ("?url=a", "`url` does not begin with `/`"),
        ("?path=/a", "`path` is not a parameter"),
        ("?url=/%zz", "hexadecimal"),
        ("?all=maybe", "neither 1 nor 0"),
        ("?" + "&".join(f"url=/{index}" for index in range(1001)), "more than 1000"),
    ],
)
def test_what_is_wrong_is_named(nodes: Callable[..., Node], query: str, reason: str) -> None:
    node = nodes("node")
    before = node.metric("spillway_purge_generation")
    status, _, answer = node.post("/purge" + query)
    assert status == 400 and reason in str(answer["error"]), answer
    assert node.metric("spillway_purge_generation") == before


def test_a_new_token_counts_after_a_reload(nodes: Callable[..., Node]) -> None:
    node = nodes("node")
    node.token_file.write_text("b2" * 16 + "\n")
    node.program.process.send_signal(1)
    wait_until(lambda: node.post("/purge?url=/a", "b2" * 16)[0] == 200, "the new token is accepted")
    assert node.post("/purge?url=/a")[0] == 401


def test_confirmed_purges_survive_kill_9(nodes: Callable[..., Node]) -> None:
    """The kill comes in the middle of purging; what was confirmed until then, and at most one purge more, is there."""
    node = nodes("node")
    first = node.metric("spillway_purge_generation")
    confirmed: list[int] = []

    def purge_until_it_ends() -> None:
        try:
            while True:
                target = f"/purge?url=/{len(confirmed)}&prefix=/p/{len(confirmed)}/"
                status, _, answer = node.post(target)
                assert status == 200
                confirmed.append(int(str(answer["generation"])))
        except (OSError, http.client.HTTPException):
            pass

    for _ in range(5):
        purging = threading.Thread(target=purge_until_it_ends)
        purging.start()
        time.sleep(random.uniform(0.1, 0.3))
        node.program.kill()
        purging.join()
        node.start()
        generation = node.metric("spillway_purge_generation")
        assert confirmed and confirmed[-1] <= generation <= confirmed[-1] + 2
        # A purge that was kept but not confirmed is asked for again under the same names.
        assert 2 * len(confirmed) <= node.metric("spillway_purge_rules") <= 2 * len(confirmed) + 2
        assert node.metric("spillway_purge_floor") == first


def test_half_a_record_is_left_out(nodes: Callable[..., Node]) -> None:
    node = nodes("node")
    generation = node.post("/purge?url=/a&url=/b")[2]["generation"]
    node.program.kill()
    with node.journal.open("ab") as file:
        file.write(b"half a record")
    node.start()
    assert node.metric("spillway_purge_generation") == generation and node.metric("spillway_purge_rules") == 2
    assert "is left out" in node.program.log.read_text()
    generation = node.post("/purge?url=/c")[2]["generation"]
    node.program.kill()
    node.start()
    assert node.metric("spillway_purge_generation") == generation and node.metric("spillway_purge_rules") == 3


def test_a_damaged_journal_purges_everything(nodes: Callable[..., Node]) -> None:
    node = nodes("node")
    generation = int(str(node.post("/purge?url=/a&url=/b&url=/c")[2]["generation"]))
    node.program.kill()
    content = bytearray(node.journal.read_bytes())
    content[-40] ^= 1
    node.journal.write_bytes(content)
    node.start()
    assert node.metric("spillway_purge_floor") > generation
    assert "damaged" in node.program.log.read_text()


def test_the_command_purges_every_node_that_it_names(nodes: Callable[..., Node]) -> None:
    first, second = nodes("first"), nodes("second")
    both = ["--admin", f"127.0.0.1:{first.admin}", "--admin", f"127.0.0.1:{second.admin}"]
    items = ["--url", "/a?b=c&d", "--prefix", "/v/1/", "--surrogate-key", "v/1", "--soft"]
    done = purge(*both, "--token-file", first.token_file, *items)
    assert done.returncode == 0, done
    lines = done.stdout.splitlines()
    assert [line.split(": ")[0] for line in lines] == [f"127.0.0.1:{node.admin}" for node in (first, second)]
    for node in (first, second):
        for kind in ("url", "prefix", "surrogate-key"):
            assert node.metric(f'spillway_purges_total{{kind="{kind}",mode="soft"}}') == 1
    # By a node's configuration, and more items than one request holds.
    many = [word for index in range(1200) for word in ("--url", f"/many/{index}")]
    assert purge("--config", first.conf, *many).returncode == 0
    assert first.metric('spillway_purges_total{kind="url",mode="hard"}') == 1200
    assert second.metric('spillway_purges_total{kind="url",mode="hard"}') == 0


def test_the_command_fails_when_a_node_does_not_confirm(nodes: Callable[..., Node]) -> None:
    node = nodes("node")
    other = nodes("other", token="c3" * 16)
    (nobody,) = free_ports(1)
    admins = [f"127.0.0.1:{port}" for port in (nobody, other.admin, node.admin)]
    done = purge(*(word for admin in admins for word in ("--admin", admin)), "--token-file", node.token_file, "--all")
    assert done.returncode == 1, done
    lines = done.stdout.splitlines()
    assert "can not be reached" in lines[0] and " 401 " in lines[1] and " 200 " in lines[2], lines
    assert node.metric('spillway_purges_total{kind="all",mode="hard"}') == 1


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--all"], "--admin or --config is needed"),
        (["--admin", "127.0.0.1:1", "--all"], "--token-file"),
        (["--admin", "localhost:1", "--token-file", "x", "--all"], "`localhost:1` is not a numeric address"),
        (["--admin", "127.0.0.1:1", "--token-file", "x"], "Nothing is named"),
        (["--admin", "127.0.0.1:1", "--token-file", "/nonexistent/token", "--all"], "/nonexistent/token"),
        (["--config", "/nonexistent/conf", "--all"], "/nonexistent/conf"),
    ],
)
def test_the_command_says_what_is_missing(words: list[str], reason: str) -> None:
    refused = purge(*words)
    assert refused.returncode not in (0, 1) and reason in refused.stderr, refused


def test_the_origin_tells_its_nodes_until_they_confirm(queue_stack: Stack) -> None:
    """The shield is down at first, so its edges are not told; and the origin is killed while it waits."""
    stack, ports = queue_stack, queue_stack.ports
    told = 'spillway_purges_total{kind="surrogate-key",mode="hard"}'
    stack.start_edge("edge-1", ports.edge_1, ports.edge_1_admin, ports.shield)
    stack.start_edge("edge-2", ports.edge_2, ports.edge_2_admin, ports.shield)
    video, _ = stack.client.create("Clip")
    stack.client.call("DELETE", f"/v1/videos/{video['id']}")
    failed = "spillway_origin_purge_attempts_failed_total"
    wait_until(lambda: metric(ports.api, failed) >= 2, "the shield does not confirm")
    assert metric(ports.api, "spillway_origin_purges_pending") == 3
    assert metric(ports.edge_1_admin, told) == 0 and metric(ports.edge_2_admin, told) == 0

    origin = next(running for running in stack.running if running.name == "origin")
    origin.kill()
    stack.forget(origin)
    stack.start_origin()
    stack.start_shield(ports.shield, ports.shield_admin, ports.delivery)
    wait_until(lambda: metric(ports.api, "spillway_origin_purges_pending") == 0, "all have confirmed")
    for admin in (ports.shield_admin, ports.edge_1_admin, ports.edge_2_admin):
        assert metric(admin, told) == 1
    assert metric(ports.api, "spillway_origin_purges_confirmed_total") == 3
    shield_log = (stack.log_folder / "shield.log").read_text()
    assert f"surrogate-key=v/{video['id']}" in shield_log
    when = [
        json.loads(line)["time"]
        for name in ("shield", "edge-1", "edge-2")
        for line in (stack.log_folder / f"{name}.log").read_text().splitlines()
        if '"Purged"' in line
    ]
    assert len(when) == 3 and when[0] <= min(when[1:])
