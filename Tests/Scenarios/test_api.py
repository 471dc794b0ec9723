# SPDX-License-Identifier: Apache-2.0
"""The API as a creator's program uses it: progress as it happens, the list, changes, deletion, errors."""

import json
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import make_ready
from curl import fetch
from stack.api import ApiError
from stack.stack import Stack


def events(address: str) -> Iterator[tuple[str, Any]]:
    """The name and data of each server-sent event, until the server ends the stream."""
    name = ""
    with urllib.request.urlopen(address, timeout=60) as stream:
        for line in (raw.decode().rstrip("\n") for raw in stream):
            field, _, value = line.partition(": ")
            if field == "event":
                name = value
            elif field == "data":
                yield name, json.loads(value)


def test_progress_arrives_as_events_until_the_video_is_ready(stack: Stack, clip: Path) -> None:
    video = stack.client.upload("events", clip)
    seen = [data for name, data in events(f"{stack.client.base}/v1/videos/{video}/events") if name == "progress"]
    percents = [state["progressPercent"] for state in seen]
    assert percents == sorted(percents)
    assert any(0 < percent < 100 for percent in percents), percents
    assert (seen[-1]["status"], seen[-1]["progressPercent"]) == ("READY", 100)


def test_the_list_is_newest_first_and_goes_on_at_its_cursor(stack: Stack) -> None:
    made = [stack.client.create(f"listed {number}")[0]["id"] for number in range(3)]
    listed: list[str] = []
    cursor = ""
    while len(listed) < 3:
        page = stack.client.call("GET", f"/v1/videos?limit=2&status=UPLOADING{cursor}")
        assert len(page["videos"]) <= 2
        listed += [video["id"] for video in page["videos"]]
        cursor = f"&cursor={page['nextCursor']}"
    assert listed[:3] == made[::-1]


def test_a_title_can_be_changed(stack: Stack) -> None:
    video, _ = stack.client.create("before")
    changed = stack.client.call("PATCH", f"/v1/videos/{video['id']}", {"title": "after", "description": "more"})
    assert (changed["title"], changed["description"]) == ("after", "more")
    assert stack.client.get(video["id"])["title"] == "after"


def test_a_deleted_video_is_gone_with_its_files(stack: Stack, clip: Path) -> None:
    video = make_ready(stack, clip).id
    delivered = f"http://127.0.0.1:{stack.ports.delivery}/v/{video}/master.m3u8"
    assert fetch(delivered).status == 200
    stack.client.call("DELETE", f"/v1/videos/{video}")
    assert fetch(delivered).status == 404
    with pytest.raises(ApiError) as gone:
        stack.client.get(video)
    assert gone.value.status == 404


def test_completion_before_the_upload_is_a_conflict(stack: Stack) -> None:
    video, _ = stack.client.create("nothing uploaded")
    with pytest.raises(ApiError) as refused:
        stack.client.complete(video["id"])
    assert refused.value.status == 409


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/v1/videos/none", None, 404),
        ("POST", "/v1/videos", "{}", 400),
        ("POST", "/v1/videos", "{", 400),
        ("POST", "/v1/videos/none/playback", "{}", 404),
    ],
)
def test_errors_are_problem_documents(stack: Stack, method: str, path: str, body: str | None, status: int) -> None:
    """RFC 9457."""
    options = ["-X", method, "-H", f"Authorization: Bearer {stack.keys.api_key}"]
    if body is not None:
        options += ["-H", "Content-Type: application/json", "--data", body]
    answer = fetch(stack.client.base + path, *options)
    assert answer.status == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = json.loads(answer.body)
    assert problem["status"] == status and problem["title"] and problem["detail"]
