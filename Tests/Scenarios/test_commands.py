# SPDX-License-Identifier: Apache-2.0
"""The command lines: help, version, and what a wrong configuration file is answered with."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from stack.media import SeenStream, probe_file
from stack.paths import ROOT, WEB, program
from stack.playlist import presentation_files, resolutions
from stack.stack import Stack

PROGRAMS = ["edge", "origin", "transcode", "loadtest"]


def run(*command: str | Path, seconds: int = 20, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    words = [str(program(str(command[0]))), *map(str, command[1:])]
    return subprocess.run(words, capture_output=True, text=True, timeout=seconds, cwd=folder)


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_and_version(name: str) -> None:
    helped = run(name, "--help")
    assert helped.returncode == 0 and "USAGE" in helped.stdout.upper()
    versioned = run(name, "--version")
    assert versioned.returncode == 0 and re.search(r"\d+\.\d+", versioned.stdout)


def test_edge_serves_unless_another_command_is_named() -> None:
    overview = run("edge", "--help").stdout
    assert "serve (default)" in overview and "purge" in overview
    assert "--config" in run("edge", "serve", "--help").stdout
    assert "--surrogate-key" in run("edge", "purge", "--help").stdout
    refused = run("edge")
    assert refused.returncode not in (0, 1) and "--config" in refused.stderr, refused


@pytest.mark.parametrize(
    ("name", "conf"), [("edge", "edge-1.conf"), ("edge", "shield.conf"), ("origin", "origin.conf")]
)
def test_a_right_configuration_is_accepted(stack: Stack, name: str, conf: str) -> None:
    checked = run(name, "--config", stack.folder / conf, "--check")
    assert checked.returncode == 0, checked.stderr


@pytest.mark.parametrize(
    ("name", "wrong", "key"),
    [
        ("edge", "nonsense: 1\n", "nonsense"),
        ("origin", "nonsense: 1\n", "nonsense"),
        ("edge", "log: {level: loudest}\n", "level"),
        ("origin", "log: {level: loudest}\n", "level"),
        ("edge", "log:\n  level: [\n", ""),
        ("origin", "log:\n  level: [\n", ""),
        ("edge", "", "listen"),  # every key of origin.conf has a default
    ],
)
def test_a_wrong_configuration_is_exit_2_and_names_the_place(
    work_folder: Path, name: str, wrong: str, key: str
) -> None:
    conf = work_folder / "wrong.conf"
    conf.write_text(wrong)
    refused = run(name, "--config", conf, "--check")
    assert refused.returncode == 2, refused
    assert re.search(rf"{re.escape(conf.name)}:\d+:\d+: ", refused.stderr), refused.stderr
    assert key in refused.stderr


@pytest.mark.parametrize(("name", "command"), [("origin", ["origin"]), ("transcode", ["transcode", "worker"])])
def test_a_wrong_value_is_placed_by_line_and_column(work_folder: Path, name: str, command: list[str]) -> None:
    conf = work_folder / f"wrong-{name}.conf"
    conf.write_text("state: var\ntranscode:\n  leaseSeconds: soon\n")
    refused = run(*command, "--config", conf)
    assert refused.returncode == 2, refused
    assert f"{conf.name}:3:17: " in refused.stderr and "leaseSeconds" in refused.stderr, refused.stderr


def test_a_missing_configuration_file_is_said(work_folder: Path) -> None:
    for name in ("edge", "origin"):
        refused = run(name, "--config", work_folder / "absent.conf")
        assert refused.returncode == 2, refused
        assert "absent.conf" in refused.stderr


@pytest.mark.parametrize("name", ["edge", "origin"])
def test_the_commented_example_is_right(stack: Stack, work_folder: Path, name: str) -> None:
    """edge.conf and origin.conf in the source tree, started where the keys are that they name."""
    folder = work_folder / f"example-{name}"
    (folder / "var").mkdir(parents=True)
    for link, target in {"var/keys": stack.folder / "keys", "var/tls": stack.folder / "keys", "web": WEB}.items():
        (folder / link).symlink_to(target)
    checked = run(name, "--config", ROOT / f"{name}.conf", "--check", folder=folder)
    assert checked.returncode == 0, checked.stderr


def test_transcode_works_without_a_server(work_folder: Path, clip: Path) -> None:
    out = work_folder / "local"
    done = run("transcode", "file", clip, "--out", out, seconds=120)
    assert done.returncode == 0, done.stderr
    master = (out / "master.m3u8").read_text()
    files = presentation_files(lambda path: (out / path).read_text())
    assert all((out / path).is_file() for path in files)
    pictures = [stream for stream in probe_file(out / "master.m3u8") if stream.kind == "video"]
    assert sorted((s.width, s.height) for s in pictures) == sorted(resolutions(master))


def test_probe_tells_what_is_in_a_file(clip: Path) -> None:
    done = run("transcode", "probe", clip)
    assert done.returncode == 0, done.stderr
    text = json.dumps(json.loads(done.stdout))
    picture: SeenStream = next(stream for stream in probe_file(clip) if stream.kind == "video")
    assert str(picture.width) in text and str(picture.height) in text


def test_every_program_ends_well_when_it_is_asked_to(queue_stack: Stack) -> None:
    ports = queue_stack.ports
    queue_stack.start_worker()
    queue_stack.start_shield(ports.shield, ports.shield_admin, ports.delivery)
    queue_stack.start_edge("edge-1", ports.edge_1, ports.edge_1_admin, ports.shield)
    assert {running.name: running.stop() for running in reversed(queue_stack.running)} == {
        "edge-1": 0,
        "shield": 0,
        "worker": 0,
        "origin": 0,
    }
