# SPDX-License-Identifier: Apache-2.0
"""Broken and hostile uploads end as FAILED with a reason; they reach no file and no network; the worker lives on."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from evidence import raw_upload_is_gone
from stack.program import Program
from stack.stack import Stack
from watched import WatchedFile, WatchedPort

SECONDS_MAX = 60.0


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Program:
    """The shared stack's worker: one process for all of these files."""
    return next(program for program in stack.running if program.name == "worker")


@pytest.fixture(scope="module")
def secret(work_folder: Path, clip: Path) -> Path:
    """A file of the server's that an upload may not reach: real media, so that reading it would lead to READY."""
    return Path(shutil.copyfile(clip, work_folder / "secret.mp4"))


@pytest.fixture
def watched_secret(secret: Path) -> Iterator[WatchedFile]:
    watch = WatchedFile(secret)
    yield watch
    watch.close()


@pytest.fixture
def watched_port() -> Iterator[WatchedPort]:
    watch = WatchedPort()
    yield watch
    watch.close()


def hls_naming(address: str) -> str:
    return f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{address}\n#EXT-X-ENDLIST\n"


def fails(stack: Stack, worker: Program, file: Path) -> str:
    """Uploads a file; asserts that it ends as FAILED and that the worker runs on; returns the reason."""
    video = stack.client.upload(file.name, file)
    done = stack.client.wait_until_done(video, SECONDS_MAX)
    assert done["status"] == "FAILED", done
    worker.require_running()
    reason = done["failureReason"]
    assert reason and re.match(r"[A-Z].{15,}", reason), f"not a sentence for a person: {reason!r}"
    assert "Error number" not in reason and "crashed" not in reason, reason
    return reason


def test_a_truncated_mp4(stack: Stack, worker: Program, work_folder: Path, clip: Path) -> None:
    """The index at its start promises more than there is."""
    file = work_folder / "truncated.mp4"
    body = clip.read_bytes()
    file.write_bytes(body[: len(body) // 2])
    fails(stack, worker, file)


def test_an_mp4_without_its_index(stack: Stack, worker: Program, work_folder: Path, clip: Path) -> None:
    file = work_folder / "no-index.mp4"
    file.write_bytes(clip.read_bytes()[:600])
    fails(stack, worker, file)


@pytest.mark.parametrize("body", [b"This is not a video.\n" * 500, bytes(range(256)) * 40], ids=["text", "noise"])
def test_what_is_not_a_video(stack: Stack, worker: Program, work_folder: Path, body: bytes) -> None:
    file = work_folder / "not-a-video.mp4"
    file.write_bytes(body)
    fails(stack, worker, file)


def test_a_playlist_naming_the_password_file(stack: Stack, worker: Program, work_folder: Path) -> None:
    file = work_folder / "passwords.mp4"
    file.write_text(hls_naming("file:///etc/passwd"))
    assert "root:" not in fails(stack, worker, file)


@pytest.mark.parametrize("form", ["hls", "hls-path", "concat"])
def test_a_list_naming_a_file_reads_no_file(
    stack: Stack, worker: Program, work_folder: Path, secret: Path, watched_secret: WatchedFile, form: str
) -> None:
    file = work_folder / f"list-{form}.mp4"
    lists = {
        "hls": hls_naming(f"file://{secret}"),
        "hls-path": hls_naming(str(secret)),
        "concat": f"ffconcat version 1.0\nfile '{secret}'\n",
    }
    file.write_text(lists[form])
    fails(stack, worker, file)
    assert not watched_secret.was_touched()
    assert secret.read_bytes() and watched_secret.was_touched(), "the tripwire itself must work"


@pytest.mark.parametrize("scheme", ["http", "https", "tcp", "ftp"])
def test_a_playlist_naming_an_address_makes_no_request(
    stack: Stack, worker: Program, work_folder: Path, watched_port: WatchedPort, scheme: str
) -> None:
    file = work_folder / f"list-{scheme}.mp4"
    file.write_text(hls_naming(f"{scheme}://127.0.0.1:{watched_port.port}/segment.ts"))
    fails(stack, worker, file)
    assert not watched_port.was_touched()


def test_the_same_worker_still_makes_a_good_video(stack: Stack, worker: Program, clip: Path) -> None:
    video = stack.client.upload("good after bad", clip)
    assert stack.client.wait_until_done(video, 120)["status"] == "READY"
    assert raw_upload_is_gone(stack, video)
    worker.require_running()
