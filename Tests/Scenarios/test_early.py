# SPDX-License-Identifier: Apache-2.0
"""A long video can be played seconds after its upload; a video grows while it is in work, and ends whole."""

import time
from pathlib import Path

from curl import fetch
from growing import delivery_url, first_segments, uris, wait_until_playable
from stack.api import put_file
from stack.media import probe_file
from stack.stack import Stack

PLAYABLE_SECONDS_MAX = 5.0


def upload(stack: Stack, title: str, clip: Path) -> tuple[str, float]:
    """The video, and when its last byte was uploaded."""
    made, target = stack.client.create(title, clip.stat().st_size)
    put_file(target, clip)
    uploaded = time.monotonic()
    stack.client.complete(made["id"])
    wait_until_playable(stack, made["id"], 60)
    return made["id"], uploaded


def test_a_long_video_can_be_played_seconds_after_its_last_byte(
    queue_stack: Stack, long_clip: Path, work_folder: Path
) -> None:
    stack = queue_stack
    stack.start_worker()
    video, uploaded = upload(stack, "early", long_clip)
    address = stack.client.playback(video)["manifestUrl"]
    assert address.endswith(f"/v/{video}/master.m3u8")
    files = first_segments(stack, video, work_folder)
    playable = time.monotonic() - uploaded
    print(f"\nfirst segments of {len(files)} renditions fetched {playable:.2f} s after the last uploaded byte")
    state = stack.client.get(video)
    assert state["status"] == "PROCESSING" and state["renditions"], state
    for file in files:
        assert [abs(stream.seconds - 6) < 0.1 for stream in probe_file(file)] == [True], file
    assert playable <= PLAYABLE_SECONDS_MAX
    stack.client.cancel(video)


def test_a_video_grows_while_it_is_in_work(queue_stack: Stack, cut_clip: Path) -> None:
    stack = queue_stack
    stack.start_worker()
    video, uploaded = upload(stack, "growing", cut_clip)
    state = stack.client.get(video)
    assert state["status"] == "PROCESSING" and state["renditions"], state
    lowest = delivery_url(stack, video, f"{state['renditions'][0]}/index.m3u8")
    first = fetch(lowest)
    assert first.headers["cache-control"] == "public, max-age=1, stale-while-revalidate=10"
    assert b"#EXT-X-PLAYLIST-TYPE:EVENT" in first.body and b"#EXT-X-ENDLIST" not in first.body
    shown = uris(first.body)
    sizes = state["renditions"]
    while state["status"] == "PROCESSING":
        time.sleep(0.2)
        present = uris(fetch(lowest).body)
        assert present[: len(shown)] == shown, "an EVENT playlist lost a segment"
        shown = present
        state = stack.client.get(video)
        assert set(sizes) <= set(state["renditions"])
        sizes = state["renditions"]
        assert time.monotonic() - uploaded < 300
    assert state["status"] == "READY", state
    assert len(shown) >= 10 and len(sizes) > 1
    last = fetch(lowest)
    assert last.headers["cache-control"] == "public, max-age=3600"
    assert b"#EXT-X-PLAYLIST-TYPE:VOD" in last.body and last.body.endswith(b"#EXT-X-ENDLIST\n")
    assert uris(last.body)[: len(shown)] == shown
    print(f"READY {time.monotonic() - uploaded:.1f} s after the last uploaded byte")
