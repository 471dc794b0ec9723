# SPDX-License-Identifier: Apache-2.0
"""Upstreams that break: nobody is given a part for the whole, nothing broken is stored, and the edge lives on."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from curl import HTTP_1, HTTP_2, fetch
from scripted_origin import ScriptedOrigin
from stack.ports import free_ports
from stack.stack import Stack
from viewer import sign

VERSIONS = [HTTP_1, HTTP_2]
# curl: 18 is a transfer closed with bytes outstanding, 92 a stream that was reset.
CUT_OFF = {18, 92}


@dataclass(frozen=True)
class Tier:
    """An edge in front of the scripted origin."""

    stack: Stack
    port: int
    origin: ScriptedOrigin

    def address(self, kind: str, version: str) -> str:
        path = f"/v/broken/{version.strip('-')}/{kind}"
        return f"https://127.0.0.1:{self.port}/hdnts={sign(self.stack.keys.token_key, '/v/broken/*')}{path}"


@pytest.fixture(scope="module")
def tier(edge_stack: Stack) -> Iterator[Tier]:
    origin = ScriptedOrigin()
    port, admin = free_ports(2)
    stack = edge_stack
    edge = stack.start_edge("broken-edge", port, admin, origin.port, workers="2")
    yield Tier(stack, port, origin)
    edge.stop()
    stack.forget(edge)
    origin.close()


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["body-cut-short", "chunks-cut-short", "broken-chunk", "bad-trailer", "no-length-then-reset"])
def test_a_broken_body_is_cut_off_or_refused_and_not_stored(tier: Tier, kind: str, version: str) -> None:
    for _ in range(2):
        before = tier.origin.asked[kind]
        command = ["curl", "-s", "--globoff", "--max-time", "20", "--cacert", str(tier.stack.keys.ca), version]
        command += ["-o", "/dev/null", "-w", "%{http_code}", tier.address(kind, version)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        # When the fill had already failed as the head went out, an error is the better answer.
        assert done.returncode in CUT_OFF or (done.returncode, done.stdout) == (0, "502"), done
        assert tier.origin.asked[kind] > before, "it was answered from the cache"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    "kind",
    [
        "two-lengths", "length-and-chunks", "endless-interim", "huge-head", "not-http", "folded", "old-and-chunked",
        "other-coding",
    ],
)  # fmt: skip
def test_what_is_no_response_is_answered_502_or_504(tier: Tier, kind: str, version: str) -> None:
    answer = fetch(tier.address(kind, version), version, ca=tier.stack.keys.ca)
    assert answer.status in (502, 504)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("kind", "size"),
    [
        ("interim-first", 5), ("huge-cache-status", 5), ("no-length", 70_000), ("no-reason", 5), ("equal-lengths", 5),
        ("trailers", 5), ("old-version", 5), ("old-and-kept", 5),
    ],
)  # fmt: skip
def test_what_is_odd_but_whole_is_served_and_stored(tier: Tier, kind: str, size: int, version: str) -> None:
    for expected in ("; stored", "; hit"):
        answer = fetch(tier.address(kind, version), version, ca=tier.stack.keys.ca)
        assert (answer.status, len(answer.body)) == (200, size)
        assert answer.headers["cache-status"].endswith(expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_fields_of_the_upstreams_connection_stay_there(tier: Tier, version: str) -> None:
    """RFC 9110 section 7.6.1: what Connection names, and Connection itself."""
    answer = fetch(tier.address("nominated-field", version), version, ca=tier.stack.keys.ca)
    assert (answer.status, answer.body) == (200, b"hello")
    assert not {"x-hop", "connection"} & set(answer.headers)


@pytest.mark.parametrize("version", VERSIONS)
def test_spaces_before_a_colon_are_taken_away(tier: Tier, version: str) -> None:
    answer = fetch(tier.address("space-before-colon", version), version, ca=tier.stack.keys.ca)
    assert (answer.body, answer.headers["x-spaced"], answer.headers["content-length"]) == (b"hello", "value", "5")


@pytest.mark.parametrize("version", VERSIONS)
def test_204_has_no_length(tier: Tier, version: str) -> None:
    answer = fetch(tier.address("no-content-with-length", version), version, ca=tier.stack.keys.ca)
    assert (answer.status, answer.body) == (204, b"") and "content-length" not in answer.headers


@pytest.mark.parametrize("version", VERSIONS)
def test_a_private_response_is_fetched_for_each(tier: Tier, version: str) -> None:
    before = tier.origin.asked["private-in-second-line"]
    for _ in range(3):
        answer = fetch(tier.address("private-in-second-line", version), version, ca=tier.stack.keys.ca)
        assert answer.body == b"hello" and "stored" not in answer.headers["cache-status"]
    assert tier.origin.asked["private-in-second-line"] == before + 3


def test_failed_handshakes_hurt_no_other_connection(tier: Tier) -> None:
    """Plain HTTP to the TLS port between two requests of a kept connection: both are answered on it."""
    address = tier.address("whole", HTTP_1)
    kept = ["curl", "-s", "--globoff", "--cacert", str(tier.stack.keys.ca), HTTP_1, "--rate", "60/m"]
    kept += ["-w", "%{http_code} %{num_connects}\n"]
    for _ in range(3):
        kept += [address, "-o", "/dev/null"]
    with subprocess.Popen(kept, stdout=subprocess.PIPE, text=True) as running:
        for _ in range(20):
            plain = ["curl", "-s", "--max-time", "2", f"http://127.0.0.1:{tier.port}/"]
            subprocess.run(plain, capture_output=True, timeout=5)
        report, _ = running.communicate(timeout=30)
    assert report.splitlines() == ["200 1", "200 0", "200 0"]
