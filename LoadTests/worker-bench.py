#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two workers against one: how long an origin's queue takes for one video.

    python3 LoadTests/worker-bench.py INPUT [--runs N]

INPUT should be some minutes long: a video is shared in chunks of a minute. Each run starts an origin of its own with its
workers, uploads the file, and measures from the last uploaded byte to the moment when the video can be played, and to the
moment when it is READY. `a core each` binds each worker and its children to one core, as on machines of one core; the
other rows leave the machine's scheduler the choice, where one worker's media child already uses all cores. The kinds of
run take turns; medians of `--runs`.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "scripts"))

from stack.paths import ROOT  # noqa: E402
from stack.ports import Ports  # noqa: E402
from stack.stack import Stack  # noqa: E402

KINDS = [
    ("one worker, one core", 1, True),
    ("two workers, a core each", 2, True),
    ("one worker, all cores", 1, False),
    ("two workers, all cores", 2, False),
]
READY_SECONDS_MAX = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", type=Path, help="a video of several minutes")
    parser.add_argument("--runs", type=int, default=3, help="how often each kind is run")
    options = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        sys.exit("worker-bench: two cores are needed")
    times: dict[str, list[tuple[float, float, list[str]]]] = {kind[0]: [] for kind in KINDS}
    for _ in range(options.runs):
        for title, count, is_bound in KINDS:
            times[title].append(measure(options.input, [{cores[number % len(cores)]} if is_bound else set(cores)
                                                        for number in range(count)]))
    table(options.input, times)


def measure(clip: Path, cores: list[set[int]]) -> tuple[float, float, list[str]]:
    """Seconds to playable and to READY, and who did how many parts; worker n runs on `cores[n]`."""
    # On the disk of the project: what is uploaded, and what is made of it, may not fit into a memory disk.
    (ROOT / "var/bench").mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="workers-", dir=ROOT / "var/bench"))
    stack = Stack(folder, Ports.free())
    try:
        stack.start_origin()
        for number, allowed in enumerate(cores):
            # The worker inherits it.
            os.sched_setaffinity(0, allowed)
            stack.start_worker(f"worker-{number + 1}")
        os.sched_setaffinity(0, set.union(*cores))
        video = stack.client.upload("bench", clip)
        start = time.monotonic()
        playable = wait(stack, video, lambda seen: seen["playable"]) - start
        ready = wait(stack, video, lambda seen: seen["status"] == "READY") - start
        parts = [part["worker"] for part in stack.client.job(video)["parts"]]
        return playable, ready, [str(parts.count(name)) for name in sorted(set(parts))]
    finally:
        stack.stop()
        shutil.rmtree(folder, ignore_errors=True)


def wait(stack: Stack, video: str, is_so) -> float:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        seen = stack.client.get(video)
        if seen["status"] == "FAILED":
            sys.exit(f"worker-bench: the video is FAILED: {seen.get('failureReason')}")
        if is_so(seen):
            return time.monotonic()
        time.sleep(0.05)
    sys.exit("worker-bench: too slow")


def table(clip: Path, times: dict[str, list[tuple[float, float, list[str]]]]) -> None:
    print(f"{clip.name}, {os.cpu_count()} cores; seconds after the last uploaded byte")
    print(f"{'':28}{'playable':>10}{'READY':>10}{'of one':>10}   parts of each")
    reference = 1.0
    for title, count, _ in KINDS:
        ready = statistics.median(run[1] for run in times[title])
        if count == 1:
            reference = ready
        playable = statistics.median(run[0] for run in times[title])
        shares = "; ".join("+".join(run[2]) for run in times[title])
        print(f"{title:28}{playable:10.1f}{ready:10.1f}{ready / reference:10.2f}   {shares}")


if __name__ == "__main__":
    main()
