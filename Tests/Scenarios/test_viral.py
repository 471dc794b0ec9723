# SPDX-License-Identifier: Apache-2.0
"""`loadtest viral`: a crowd asks three edges for one cold object at once, and the origin is asked a single time."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from stack.paths import program


def viral(folder: Path, *words: str, seconds: float = 60) -> subprocess.CompletedProcess[str]:
    command = [program("loadtest"), "viral", "--edge", program("edge"), "--folder", folder / "viral", *words]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=seconds)


def report_of(folder: Path, *words: str, seconds: float = 60) -> dict[str, Any]:
    """The report of a test that met its bars."""
    file = folder / "report.json"
    done = viral(folder, *words, "--json", str(file), seconds=seconds)
    print(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(file.read_text())


def test_a_crowd_costs_the_origin_one_request(tmp_path: Path) -> None:
    # All ask before the origin has said a word: each edge has one request under way, and everybody else waits for it.
    clients = 600
    report = report_of(
        tmp_path, "--clients", str(clients), "--spread-milliseconds", "200", "--delay-milliseconds", "1000"
    )
    cold, warm = report["cold"], report["warm"]
    assert cold["tally"]["originRequests"] == 1
    assert cold["tally"]["shieldRequests"] == 3
    assert cold["tally"]["collapsed"] == clients - 3
    assert cold["right"] == warm["right"] == clients
    assert warm["tally"]["originRequests"] == warm["tally"]["shieldRequests"] == 0
    assert warm["tally"]["hits"] == clients


@pytest.mark.soak
def test_ten_thousand_players_ask_for_a_cold_object_within_a_second(tmp_path: Path) -> None:
    report = report_of(tmp_path, seconds=1800)
    assert report["clients"] == report["cold"]["right"] == 10_000


def test_a_bar_that_is_missed_is_said_and_fails(tmp_path: Path) -> None:
    # A time limit that no delay of the origin lets anybody keep: the clients have failed.
    done = viral(tmp_path, "--clients", "20", "--delay-milliseconds", "1600", "--timeout-seconds", "1")
    assert done.returncode == 1
    assert "failed: 20 x not done in time" in done.stdout
    assert "MISSED" in done.stdout


def test_without_an_edge_there_is_nothing_to_ask(tmp_path: Path) -> None:
    done = viral(tmp_path, "--edge", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "shield ended at once" in done.stderr


@pytest.mark.parametrize("words", [["--clients", "0"], ["--edges", "17"], ["--bytes", "0"], ["--delay-milliseconds", "-1"]])
def test_wrong_words_are_explained(tmp_path: Path, words: list[str]) -> None:
    refused = viral(tmp_path, *words)
    assert refused.returncode == 64 and refused.stderr
