# SPDX-License-Identifier: Apache-2.0
"""A viral spike: 300 viewers ask two cold edges for one segment at once, and the origin is asked once."""

import hashlib
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import Sample
from curl import HTTP_1, HTTP_2
from evidence import delivered
from slow_link import SlowLink
from stack.ports import free_ports
from stack.stack import Stack
from viewer import Viewer

CURLS = 60
REQUESTS_PER_CURL = 5
CONNECTIONS_MIN = CURLS // 2 + CURLS // 2 * REQUESTS_PER_CURL
"""A curl with HTTP/2 puts its requests on one connection, one with HTTP/1.1 opens a connection for each."""
SLOW_BYTES_PER_SECOND = 500_000


@dataclass(frozen=True)
class ColdTier:
    """A shield and two edges that have cached nothing, behind a link that holds the origin's answers."""

    link: SlowLink
    edge_ports: list[int]


@pytest.fixture
def cold_tier(stack: Stack) -> Iterator[ColdTier]:
    link = SlowLink(stack.ports.delivery, SLOW_BYTES_PER_SECOND)
    shield, shield_admin, one, one_admin, two, two_admin = free_ports(6)
    started = [
        stack.start_shield(shield, shield_admin, link.port, workers="2", name="herd-shield"),
        stack.start_edge("herd-edge-1", one, one_admin, shield, workers="2"),
        stack.start_edge("herd-edge-2", two, two_admin, shield, workers="2"),
    ]
    yield ColdTier(link, [one, two])
    for program in reversed(started):
        program.stop()
        stack.forget(program)
    link.close()


def test_three_hundred_viewers_cost_the_origin_one_request(
    stack: Stack, sample: Sample, cold_tier: ColdTier, tmp_path: Path
) -> None:
    path = Viewer(stack, sample.id, 0).first_segment()
    delivery_path = f"/v/{sample.id}/{path}"
    before = len(delivered(stack, delivery_path)) + 1
    whole = Viewer(stack, sample.id, 0).from_origin(path)
    # The origin writes its log when it has answered.
    deadline = time.monotonic() + 10
    while len(delivered(stack, delivery_path)) < before:
        assert time.monotonic() < deadline
        time.sleep(0.02)

    curls = [start_curl(stack, sample, cold_tier, path, number, tmp_path) for number in range(CURLS)]
    wait_for_connections(cold_tier.edge_ports, CONNECTIONS_MIN)
    time.sleep(1)  # the requests follow the handshakes at once
    released = time.monotonic()
    cold_tier.link.release()
    for started, curl in curls:
        report, errors = curl.communicate(timeout=60)
        assert curl.returncode == 0, errors
        transfers = [line.split() for line in report.splitlines()]
        assert [status for status, _ in transfers] == ["200"] * REQUESTS_PER_CURL
        assert all(started + float(asked) < released for _, asked in transfers), "a request came too late to wait"

    bodies = sorted(tmp_path.glob("*.m4s"))
    assert len(bodies) == CURLS * REQUESTS_PER_CURL == 300
    right = hashlib.sha256(whole).hexdigest()
    assert {hashlib.sha256(body.read_bytes()).hexdigest() for body in bodies} == {right}
    seen = delivered(stack, delivery_path)[before:]
    assert [(record["method"], record["status"]) for record in seen] == [("GET", 200)]


def start_curl(
    stack: Stack, sample: Sample, tier: ColdTier, path: str, number: int, folder: Path
) -> tuple[float, subprocess.Popen[str]]:
    """One curl that asks five times at once; both edges and both versions get their share."""
    version = HTTP_2 if number % 2 else HTTP_1
    port = tier.edge_ports[number // 2 % 2]
    address = Viewer(stack, sample.id, port).at_edge(path)
    command = ["curl", "--no-progress-meter", "--globoff", "--max-time", "60", "--parallel", version]
    command += ["--cacert", str(stack.keys.ca), "-w", "%{http_code} %{time_pretransfer}\n"]
    for request in range(REQUESTS_PER_CURL):
        command += [address, "-o", str(folder / f"{number}-{request}.m4s")]
    started = time.monotonic()
    return started, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for_connections(ports: list[int], count: int) -> None:
    """Returns once `count` connections to the ports are established."""
    deadline = time.monotonic() + 20
    while established(ports) < count:
        assert time.monotonic() < deadline, f"{established(ports)} of {count} connections"
        time.sleep(0.1)


def established(ports: list[int]) -> int:
    """Connections whose far end is one of the ports, from the kernel's table."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    wanted = {f"{port:04X}" for port in ports}
    return sum(1 for row in rows if row[3] == "01" and row[2].split(":")[1] in wanted)
