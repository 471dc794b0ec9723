# SPDX-License-Identifier: Apache-2.0
"""`loadtest compare` end to end, as short as it can be: the figures mean nothing here, but every part runs."""

import json
import os
import subprocess
import time
import xml.etree.ElementTree as XML
from collections.abc import Callable
from pathlib import Path

import pytest
from stack.paths import program

OURS = "Spillway edge"


def compare(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [program("loadtest"), "compare", "--edge", program("edge"), "--folder", folder, *words]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=240)


def processes_that_name(text: str) -> list[str]:
    """The command lines of living processes that mention `text`."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if text in line:
            found.append(line)
    return found


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs a core for the server and one for the client")
def test_the_comparison_runs_and_writes_its_document(tmp_path: Path) -> None:
    folder, document = tmp_path / "bench", tmp_path / "docs"
    short = ["--rounds", "1", "--cpu-seconds", "0.02", "--processes", "2", "--idle-connections", "50"]
    done = compare(folder, *short, "--servers", "edge", "h2o", "--objects", "2k", "2k-http1", "--document", str(document))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 KB, HTTP/1.1" in done.stdout

    report = json.loads((document / "benchmarks.json").read_text())
    assert [server["name"] for server in report["servers"] if "missing" not in server] == [OURS, "h2o"]
    assert len(report["hits"]) == 2 and len(report["workers"]) == 1
    for result in report["hits"]:
        for samples in result["samples"].values():
            assert len(samples) == 1 and samples[0]["requests"] > 0 and samples[0]["cpuSeconds"] > 0
    assert {idle["server"] for idle in report["idle"]} == {OURS, "h2o"}
    assert all(idle["connections"] == 50 for idle in report["idle"])
    assert [handshakes["kind"] for handshakes in report["handshakes"]] == ["full", "resumed"]

    text = (document / "benchmarks.md").read_text()
    assert "| 2 KB, HTTP/2 | h2o |" in text and "benchmarks.svg" in text
    texts = [element.text for element in XML.parse(document / "benchmarks.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert OURS in texts and "h2o" in texts
    assert processes_that_name(str(folder)) == []

    again = compare(folder, "--from", str(document / "benchmarks.json"), "--document", str(tmp_path / "again"))
    assert again.returncode == 0 and again.stdout == done.stdout
    for file in document.iterdir():
        assert (tmp_path / "again" / file.name).read_text() == file.read_text()


def test_a_server_that_can_not_be_had_is_named_and_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bin" / "h2o"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho out of order\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", f"{broken.parent}:{os.environ['PATH']}")
    short = ["--rounds", "1", "--cpu-seconds", "0.02", "--processes", "2", "--parts", "hits", "--objects", "2k"]
    done = compare(tmp_path / "bench", *short, "--servers", "edge", "h2o")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "h2o ended at once: out of order" in done.stdout
    assert f"2 KB, HTTP/2  {OURS}" in done.stdout


def test_nothing_lives_on_when_it_is_killed(tmp_path: Path) -> None:
    folder = tmp_path / "bench"
    command = [program("loadtest"), "compare", "--edge", program("edge"), "--folder", folder, "--servers", "edge", "h2o"]
    running = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: bool(processes_that_name(f"{folder}/spillwayedge/") and processes_that_name(f"{folder}/h2o/")))
    finally:
        running.kill()
        running.wait()
    wait_until(lambda: processes_that_name(f"{folder}/") == [])


def wait_until(condition: Callable[[], bool], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_without_an_edge_there_is_nothing_to_compare(tmp_path: Path) -> None:
    done = compare(tmp_path / "bench", "--edge", str(tmp_path / "none"), "--servers", "edge")
    assert done.returncode == 1
    assert "none is not installed" in done.stderr


@pytest.mark.parametrize("words", [["--servers", "apache"], ["--objects", "3k"], ["--rounds", "0"], ["--parts", "all"]])
def test_wrong_words_are_explained(tmp_path: Path, words: list[str]) -> None:
    refused = compare(tmp_path / "bench", *words)
    assert refused.returncode == 64 and refused.stderr
