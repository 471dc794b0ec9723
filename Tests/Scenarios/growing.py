# SPDX-License-Identifier: Apache-2.0
"""A video that can be played while it is in work, seen from behind the delivery with curl and ffprobe."""

import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin

from curl import Answer, fetch
from stack.stack import Stack


def delivery_url(stack: Stack, video: str, path: str = "master.m3u8") -> str:
    return f"http://127.0.0.1:{stack.ports.delivery}/v/{video}/{path}"


def uris(playlist: bytes) -> list[str]:
    """The lines that are not tags."""
    return [line for line in playlist.decode().splitlines() if line and not line.startswith("#")]


def wait_until_playable(stack: Stack, video: str, seconds: float) -> float:
    """Returns the seconds until the API says playable."""
    start = time.monotonic()
    while not (state := stack.client.get(video))["playable"]:
        assert state["status"] in ("UPLOADING", "PROCESSING"), state
        assert time.monotonic() - start < seconds, state
        time.sleep(0.05)
    return time.monotonic() - start


def first_segments(stack: Stack, video: str, folder: Path) -> list[Path]:
    """Fetches the first segment of every rendition that the video's playlists name, each behind its initialization."""
    master = fetch(delivery_url(stack, video))
    assert master.status == 200, master
    text = master.body.decode()
    media = uris(master.body) + [line.split('URI="')[1].split('"')[0] for line in text.splitlines() if 'URI="' in line]
    files = []
    for path in media:
        url = delivery_url(stack, video, path)
        playlist = fetch(url)
        assert playlist.status == 200, playlist
        initialization = playlist.body.decode().split('#EXT-X-MAP:URI="')[1].split('"')[0]
        file = folder / f"{video}-{path.split('/')[0]}.mp4"
        file.write_bytes(b"".join(fetched(urljoin(url, name)).body for name in [initialization, uris(playlist.body)[0]]))
        files.append(file)
    return files


def fetched(url: str) -> Answer:
    answer = fetch(url)
    assert answer.status == 200, (url, answer.status)
    return answer


@dataclass(frozen=True)
class Served:
    """An object as it is served: what tells whether its bytes changed."""

    etag: str
    modified: str
    body: bytes


def served(stack: Stack, video: str) -> dict[str, Served]:
    """Everything but playlists that the playlists of a video name now."""
    objects: dict[str, Served] = {}
    master = fetch(delivery_url(stack, video))
    if master.status != 200:
        return objects
    for line in master.body.decode().splitlines():
        path = line.split('URI="')[1].split('"')[0] if 'URI="' in line else line
        if path.startswith("#") or not path:
            continue
        playlist = fetched(delivery_url(stack, video, path))
        folder = path.split("/")[0]
        initialization = playlist.body.decode().split('#EXT-X-MAP:URI="')[1].split('"')[0]
        for name in [initialization, *uris(playlist.body)]:
            answer = fetched(delivery_url(stack, video, f"{folder}/{name}"))
            objects[f"{folder}/{name}"] = Served(
                answer.headers["etag"], answer.headers["last-modified"], answer.body
            )
    return objects
