# SPDX-License-Identifier: Apache-2.0
"""Workers: parts that any of them takes, one that dies, retries, cancelling, and starting them by demand."""

import json
import os
import signal
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from evidence import has_raw_upload, raw_upload_is_gone
from growing import delivery_url, served, wait_until_playable
from curl import fetch
from stack.api import ApiError
from stack.media import generate_clip, probe_file
from stack.program import Program
from stack.stack import Stack

LEASE_SECONDS = 3
"""As in the fixture `queue_stack`."""


def test_a_killed_workers_part_is_taken_up_again(queue_stack: Stack, cut_clip: Path) -> None:
    """kill -9 in the middle of a chunk: another worker does it again, what was served stays byte for byte."""
    stack = queue_stack
    worker = stack.start_worker("worker-1")
    video = stack.client.upload("killed", cut_clip)
    wait_until_playable(stack, video, 60)
    wait_for(lambda: part_in_work(stack, video, "chunk"), 60)
    children = children_of(worker.pid)
    assert children, "the work is done in a child process"
    assert has_raw_upload(stack, video)
    worker.kill()
    stack.forget(worker)
    killed = time.time()
    before = served(stack, video)
    assert len(before) > 4
    assert stack.client.get(video)["status"] == "PROCESSING", "the job ended before the worker was killed"

    second = stack.start_worker("worker-2")
    done = stack.client.wait_until_done(video, seconds=300)
    assert done["status"] == "READY", done
    # The last heartbeat was at most a second and a half before the kill.
    assert part_start(second, "chunk", attempt=2) - killed > LEASE_SECONDS - 1.5, "taken up while the lease still ran"
    assert not any(Path(f"/proc/{child}").exists() for child in children), "the dead worker's child still runs"
    assert abs(done["durationSeconds"] - max(stream.seconds for stream in probe_file(cut_clip))) < 0.25
    after = served(stack, video)
    assert all(after[path] == thing for path, thing in before.items()), "something served was replaced"
    assert raw_upload_is_gone(stack, video)
    assert stack.client.metrics()["spillway_job_leases_silent_total"] == 1


def test_two_workers_share_one_video(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    workers = [stack.start_worker(f"worker-{number}") for number in (1, 2)]
    video = stack.client.upload("shared", cut_clip)
    done = stack.client.wait_until_done(video, seconds=300)
    assert done["status"] == "READY", done
    parts = stack.client.job(video)["parts"]
    assert all(part["phase"] == "done" and part["attempt"] == 1 for part in parts), parts
    assert len({part["worker"] for part in parts}) == len(workers), parts


def test_a_worker_that_is_asked_to_end_gives_its_part_back(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    worker = stack.start_worker("worker-1")
    video = stack.client.upload("drained", cut_clip)
    wait_for(lambda: part_in_work(stack, video, "chunk"), 60)
    start = time.monotonic()
    assert worker.stop() == 0
    assert time.monotonic() - start < 5
    stack.forget(worker)
    part = next(part for part in stack.client.job(video)["parts"] if part["kind"] == "chunk")
    assert (part["phase"], part["tries"], part["attempt"]) == ("queued", 0, 1), part
    stack.start_worker("worker-2")
    assert stack.client.wait_until_done(video, seconds=300)["status"] == "READY"


def test_progress_only_grows_and_tells_the_time_left(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    stack.start_worker()
    video = stack.client.upload("progress", cut_clip)
    seen = []
    done = stack.client.wait_until_done(video, 300, seen.append)
    assert done["status"] == "READY", done
    percents = [state["progressPercent"] for state in seen]
    assert percents == sorted(percents) and any(0 < percent < 100 for percent in percents), percents
    assert any(state["secondsLeft"] for state in seen)
    rungs: dict[str, list[float]] = {}
    for state in seen:
        for rung in state["rungs"]:
            rungs.setdefault(rung["name"], []).append(rung["progressPercent"])
    assert len(rungs) == len(done["renditions"]) and all(values == sorted(values) for values in rungs.values()), rungs
    assert done["rungs"] == [] and done["secondsLeft"] is None


def test_a_job_can_be_cancelled_and_taken_up_again(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    worker = stack.start_worker()
    video = stack.client.upload("cancelled", cut_clip)
    wait_for(lambda: part_in_work(stack, video, "chunk"), 60)
    children = children_of(worker.pid)
    cancelled = stack.client.cancel(video)
    assert (cancelled["status"], cancelled["failureReason"]) == ("FAILED", "Processing was cancelled.")
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 10)
    with pytest.raises(ApiError) as refused:
        stack.client.cancel(video)
    assert refused.value.status == 409
    before = served(stack, video)
    assert stack.client.retry(video)["status"] == "PROCESSING"
    assert stack.client.wait_until_done(video, seconds=300)["status"] == "READY"
    after = served(stack, video)
    assert all(after[path] == thing for path, thing in before.items()), "something served was replaced"


def test_a_deleted_video_stops_its_parts(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    worker = stack.start_worker()
    video = stack.client.upload("deleted", cut_clip)
    wait_until_playable(stack, video, 60)
    wait_for(lambda: part_in_work(stack, video, "chunk"), 60)
    children = children_of(worker.pid)
    stack.client.call("DELETE", f"/v1/videos/{video}")
    wait_for(lambda: not any(Path(f"/proc/{child}").exists() for child in children), 10)
    wait_for(lambda: fetch(delivery_url(stack, video, "240p/0.m4s")).status == 404, 10)
    assert fetch(delivery_url(stack, video)).status == 404


def test_a_part_that_always_crashes_sets_the_job_aside_with_its_log(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    worker = stack.start_worker()
    video = stack.client.upload("poison", cut_clip)
    for attempt in (1, 2):
        wait_for(lambda: part_in_work(stack, video, "chunk", attempt) and children_of(worker.pid), 60)
        for child in children_of(worker.pid):
            os.kill(child, signal.SIGSEGV)
        wait_for(lambda: len(stack.client.failed_tries(video)) == attempt, 20)
    failed = stack.client.get(video)
    assert failed["status"] == "FAILED" and "crashed" in failed["failureReason"], failed
    tries = stack.client.failed_tries(video)
    assert [entry["attempt"] for entry in tries] == [2, 1]
    assert all(entry["kind"] == "chunk" and "signal 11" in entry["log"] for entry in tries), tries
    assert stack.client.job(video)["phase"] == "setAside"
    metrics = stack.client.metrics()
    assert metrics["spillway_jobs_set_aside_total"] == 1 and metrics["spillway_job_retries_total"] == 1
    assert metrics['spillway_job_part_outcomes_total{outcome="crash"}'] == 2
    assert worker.process.poll() is None, "the worker itself goes on"


def test_workers_are_started_by_demand_and_end_when_idle(queue_stack: Stack, work_folder: Path) -> None:
    stack = queue_stack
    supervisor = stack.start_worker("supervisor", ["--autoscale", "0-2", "--idle-seconds", "2"])
    time.sleep(1)
    assert workers_of(supervisor.pid) == []
    clip = generate_clip(work_folder / "short.mp4", seconds=8, size="640x360")
    videos = [stack.client.upload(f"demand-{number}", clip) for number in range(3)]
    wait_for(lambda: len(workers_of(supervisor.pid)) == 2, 10)
    # One that crashes is replaced.
    os.kill(workers_of(supervisor.pid)[0], signal.SIGKILL)
    assert all(stack.client.wait_until_done(video, seconds=120)["status"] == "READY" for video in videos)
    wait_for(lambda: workers_of(supervisor.pid) == [], 20)
    metrics = stack.client.metrics()
    assert metrics["spillway_job_parts_due"] == 0 and metrics["spillway_job_video_waiting_seconds"] == 0
    # All end with the one that started them.
    stack.client.upload("last", clip)
    wait_for(lambda: workers_of(supervisor.pid) != [], 10)
    workers = workers_of(supervisor.pid)
    assert supervisor.stop() == 0
    stack.forget(supervisor)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)


def wait_for(condition: Callable[[], object], seconds: float) -> None:
    """Returns once `condition` holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)


def part_in_work(stack: Stack, video: str, kind: str, attempt: int = 1) -> bool:
    """Whether some part of a kind is leased for the time `attempt` and a little of it, but not all, is done."""
    try:
        parts = stack.client.job(video)["parts"]
    except ApiError as error:
        assert error.status == 409, error
        return False
    return any(
        part["kind"] == kind and part["phase"] == "leased" and part["attempt"] == attempt
        and 0 < part["progressPercent"] < 90
        for part in parts
    )


def part_start(worker: Program, kind: str, attempt: int) -> float:
    """When the worker started that try of a part, in seconds since 1970, by its log."""
    records = [json.loads(line) for line in worker.log.read_text().splitlines() if line.startswith("{")]
    start = next(
        record for record in records if record.get("attempt") == str(attempt) and record["part"].startswith(kind)
    )
    return datetime.fromisoformat(start["time"].replace("Z", "+00:00")).timestamp()


def children_of(pid: int) -> list[int]:
    """The process ids of a process's children."""
    tasks = Path(f"/proc/{pid}/task")
    return [int(child) for task in tasks.iterdir() for child in (task / "children").read_text().split()]


def workers_of(pid: int) -> list[int]:
    """The children of a process that are not zombies."""
    return [child for child in children_of(pid) if "Z" not in state_of(child)]


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"
