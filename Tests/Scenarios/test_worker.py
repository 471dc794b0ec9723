# SPDX-License-Identifier: Apache-2.0
"""A worker that dies in the middle of a job."""

import json
import time
from datetime import datetime
from pathlib import Path

from evidence import has_raw_upload, raw_upload_is_gone
from stack.media import generate_clip, probe_file
from stack.program import Program
from stack.stack import Stack

LEASE_SECONDS = 3
"""As in the fixture `queue_stack`."""


def test_a_killed_workers_job_is_taken_up_again(queue_stack: Stack, work_folder: Path) -> None:
    stack = queue_stack
    clip = generate_clip(work_folder / "long.mp4", seconds=30, size="1280x720")
    worker = stack.start_worker("worker-1")
    video = stack.client.upload("killed", clip)
    wait_until_in_progress(stack, video)
    children = children_of(worker.pid)
    assert children, "the work is done in a child process"
    assert has_raw_upload(stack, video)
    worker.kill()
    stack.forget(worker)
    killed = time.time()
    assert stack.client.get(video)["status"] == "PROCESSING", "the job ended before the worker was killed"

    second = stack.start_worker("worker-2")
    done = stack.client.wait_until_done(video, seconds=150)
    assert done["status"] == "READY", done
    # The last heartbeat was at most a second and a half before the kill.
    assert job_start(second, attempt=2) - killed > LEASE_SECONDS - 1.5, "the job was taken up while its lease still ran"
    assert not any(Path(f"/proc/{child}").exists() for child in children), "the dead worker's child still runs"
    assert abs(done["durationSeconds"] - max(stream.seconds for stream in probe_file(clip))) < 0.25
    assert raw_upload_is_gone(stack, video)


def test_a_worker_that_is_asked_to_end_gives_its_job_back(queue_stack: Stack, work_folder: Path) -> None:
    stack = queue_stack
    clip = generate_clip(work_folder / "long.mp4", seconds=30, size="1280x720")
    worker = stack.start_worker("worker-1")
    video = stack.client.upload("drained", clip)
    wait_until_in_progress(stack, video)
    assert worker.stop() == 0
    stack.forget(worker)
    stack.start_worker("worker-2")
    assert stack.client.wait_until_done(video, seconds=150)["status"] == "READY"


def wait_until_in_progress(stack: Stack, video: str) -> None:
    """Returns once some per cent of the work, but not all of it, is done."""
    deadline = time.monotonic() + 60
    while not 0 < (state := stack.client.get(video))["progressPercent"] < 90:
        assert state["status"] in ("UPLOADING", "PROCESSING"), state
        assert time.monotonic() < deadline, state
        time.sleep(0.05)


def job_start(worker: Program, attempt: int) -> float:
    """When the worker started that try of its job, in seconds since 1970, by its log."""
    records = map(json.loads, worker.log.read_text().splitlines())
    start = next(record for record in records if record.get("attempt") == str(attempt))
    return datetime.fromisoformat(start["time"].replace("Z", "+00:00")).timestamp()


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children."""
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]
