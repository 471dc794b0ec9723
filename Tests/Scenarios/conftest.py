# SPDX-License-Identifier: Apache-2.0
"""The stacks that the scenarios share, and the logs of their programs when a scenario fails."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))

from stack.api import Video
from stack.configuration import JobTimes
from stack.media import SeenStream, generate_clip, probe_file
from stack.paths import ROOT, VAR
from stack.ports import Ports
from stack.stack import Stack

TRANSCODE_SECONDS_MAX = 180.0
_running_stacks: list[Stack] = []


@dataclass(frozen=True)
class Sample:
    """A video that is READY, and the clip that it was made from."""

    video: Video
    clip: Path
    source: list[SeenStream]

    @property
    def id(self) -> str:
        return self.video["id"]


@pytest.fixture(scope="session")
def work_folder() -> Path:
    """A folder for this run; the last run's is removed."""
    folder = VAR / "scenarios"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="session")
def clip(work_folder: Path) -> Path:
    """Thirteen seconds: two whole segments and a short one."""
    return generate_clip(work_folder / "clip.mp4", seconds=13, size="854x480")


@pytest.fixture(scope="session")
def long_clip(work_folder: Path) -> Path:
    """Ten minutes: the same twenty seconds over and over."""
    once = generate_clip(work_folder / "once.mp4", seconds=20, size="1280x720")
    path = work_folder / "long.mp4"
    command = ["ffmpeg", "-v", "error", "-y", "-stream_loop", "29", "-i", str(once), "-c", "copy", str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def cut_clip(work_folder: Path) -> Path:
    """Two and a half minutes of a small picture: two chunks."""
    return generate_clip(work_folder / "cut.mp4", seconds=150, size="640x360")


@pytest.fixture(scope="session")
def stack(work_folder: Path) -> Iterator[Stack]:
    """A whole Spillway that all scenarios share."""
    yield from running(Stack(work_folder / "stack", Ports.free()), start_all=True)


@pytest.fixture(scope="session")
def edge_stack(work_folder: Path) -> Iterator[Stack]:
    """Keys and folders for edges in front of upstreams of the scenarios' own; nothing runs at first."""
    stack = Stack(work_folder / "edge-stack", Ports.free())
    _running_stacks.append(stack)
    try:
        yield stack
    finally:
        stack.stop()
        _running_stacks.remove(stack)


@pytest.fixture
def queue_stack(work_folder: Path, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """An origin of one scenario's own, without a worker, whose queue notices a dead worker after three seconds."""
    folder = work_folder / request.node.name
    yield from running(Stack(folder, Ports.free(), JobTimes(lease_seconds=3, heartbeat_seconds=1, tries_max=2)), start_all=False)


def running(stack: Stack, start_all: bool) -> Iterator[Stack]:
    """Starts a stack, or its origin only, and ends whatever of it runs in the end."""
    _running_stacks.append(stack)
    try:
        if start_all:
            stack.start_all()
        else:
            stack.start_origin()
        yield stack
    finally:
        stack.stop()
        _running_stacks.remove(stack)


@pytest.fixture(scope="session")
def sample(stack: Stack, clip: Path) -> Sample:
    """The generated clip, READY."""
    return make_ready(stack, clip)


@pytest.fixture(scope="session")
def film(stack: Stack) -> Sample:
    """The 30 s film clip, READY; skipped where the file is not at hand."""
    path = Path(os.environ.get("SPILLWAY_MEDIA", ROOT / ".." / "shared" / "media" / "bbb-480p-30s.mp4"))
    if not path.is_file():
        pytest.skip(f"{path} is not there; SPILLWAY_MEDIA can name another clip")
    return make_ready(stack, path)


def make_ready(stack: Stack, clip: Path) -> Sample:
    """Uploads a clip and waits until it is READY."""
    video = stack.client.upload(clip.stem, clip)
    done = stack.client.wait_until_done(video, TRANSCODE_SECONDS_MAX)
    assert done["status"] == "READY", done
    return Sample(done, clip, probe_file(clip))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    report = yield
    if report.failed:
        time.sleep(0.2)  # a program that is just ending writes why
        for stack in _running_stacks:
            for program in stack.running:
                report.sections.append((f"{stack.folder.name}: {program.name}", program.log_tail()))
    return report
