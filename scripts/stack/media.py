# SPDX-License-Identifier: Apache-2.0
"""Test clips, and what ffprobe sees in a stream. The ffmpeg programs serve here only, as clients that are not ours."""

import json
import subprocess
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class SeenStream:
    """One stream as a player meets it: its kind, its size in pixels (0 for sound) and the seconds that it lasts."""

    kind: str
    width: int
    height: int
    seconds: float


def generate_clip(
    path: Path, seconds: int = 20, size: str = "1280x720", frames_per_second: int = 24, limit_seconds: float = 120
) -> Path:
    """A moving test picture with a beep a second."""
    picture = f"testsrc2=size={size}:rate={frames_per_second}:duration={seconds}"
    sound = f"sine=frequency=220:beep_factor=4:sample_rate=48000:duration={seconds}"
    inputs = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound]
    encoders = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-b:a", "128k"]
    path.parent.mkdir(parents=True, exist_ok=True)
    _run(["ffmpeg", "-v", "error", "-y", *inputs, *encoders, "-movflags", "+faststart", str(path)], seconds=limit_seconds)
    return path


def probe_file(path: Path) -> list[SeenStream]:
    """The streams of a local file."""
    return _probe([str(path)])


def probe_manifest(address: str, ca: Path) -> list[SeenStream]:
    """Reads everything behind an HLS manifest, given nothing but its address and the authority to trust."""
    return _probe(["-tls_verify", "1", "-ca_file", str(ca), address])


def _probe(source: list[str]) -> list[SeenStream]:
    entries = "stream=index,codec_type,width,height:packet=stream_index,pts_time,duration_time"
    text = _run(["ffprobe", "-v", "error", "-of", "json", "-show_entries", entries, *source], seconds=120)
    seen = json.loads(text)
    starts: dict[int, float] = defaultdict(lambda: float("inf"))
    ends: dict[int, float] = defaultdict(float)
    for packet in seen["packets"]:
        index, start = packet["stream_index"], float(packet["pts_time"])
        starts[index] = min(starts[index], start)
        ends[index] = max(ends[index], start + float(packet.get("duration_time", 0)))
    return [
        SeenStream(
            kind=stream["codec_type"],
            width=stream.get("width", 0),
            height=stream.get("height", 0),
            seconds=max(0.0, ends[stream["index"]] - starts[stream["index"]]),
        )
        for stream in seen["streams"]
    ]


def _run(command: list[str], seconds: float) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed with status {done.returncode}: {done.stderr.strip()}")
    return done.stdout
