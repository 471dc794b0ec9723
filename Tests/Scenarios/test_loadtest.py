# SPDX-License-Identifier: Apache-2.0
"""`loadtest spike` against a cold shield: every client gets the whole object, and the origin is asked once."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from conftest import Sample
from evidence import delivered
from stack.paths import program
from stack.ports import free_ports
from stack.stack import Stack
from viewer import Viewer

CLIENTS = 200


@pytest.fixture
def cold_shield(stack: Stack) -> Iterator[int]:
    """The port of a shield that has cached nothing."""
    port, admin = free_ports(2)
    shield = stack.start_shield(port, admin, stack.ports.delivery, workers="2", name="spike-shield")
    yield port
    shield.stop()
    stack.forget(shield)


def spike(port: int, path: str) -> subprocess.CompletedProcess[str]:
    command = [str(program("loadtest")), "spike", f"127.0.0.1:{port}", path, "--clients", str(CLIENTS)]
    return subprocess.run(command, capture_output=True, text=True, timeout=90)


def test_a_spike_is_served_from_one_upstream_request(stack: Stack, sample: Sample, cold_shield: int) -> None:
    segment = Viewer(stack, sample.id, 0).first_segment()
    path = f"/v/{sample.id}/{segment}"
    size = len(Viewer(stack, sample.id, 0).from_origin(segment))
    before = len(delivered(stack, path))
    report = spike(cold_shield, path)
    assert report.returncode == 0, report.stdout + report.stderr
    assert re.search(rf"whole answers +{CLIENTS}\n", report.stdout)
    assert re.search(r"different bodies +1\n", report.stdout)
    assert re.search(rf"body bytes +{size}\n", report.stdout)
    assert len(delivered(stack, path)) == before + 1


def test_a_spike_that_gets_no_object_fails(sample: Sample, cold_shield: int) -> None:
    report = spike(cold_shield, f"/v/{sample.id}/nothing.m4s")
    assert report.returncode == 1
    assert f"{CLIENTS} x status 404" in report.stdout


@pytest.mark.parametrize("words", [["localhost:80", "/x"], ["127.0.0.1:80", "x"], ["127.0.0.1:80", "/x", "--clients", "0"]])
def test_wrong_words_are_explained(words: list[str]) -> None:
    refused = subprocess.run([str(program("loadtest")), "spike", *words], capture_output=True, text=True, timeout=20)
    assert refused.returncode == 64 and refused.stderr
