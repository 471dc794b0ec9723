#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares `transcode file` with one ffmpeg command that makes the same ladder, on one input.

    python3 LoadTests/transcode-bench.py INPUT [--transcode PROGRAM] [--runs N] [--preset veryfast]

Both get the same sizes, preset, CRF, rate caps and key-frame grid; the sound is AAC at 128 kb/s. ffmpeg decodes once and
is tried with its scalers side by side and in a cascade, with x264's own threads and with two; the fastest of these
runs N times, in turn with ours. Wall and processor time (of all processes, user and system) are medians of the runs.
SSIM is that of luma against the source scaled by the same filter to the rung's size. A further line gives ffmpeg the
x264 options that `transcode` adds to the preset, and the last ones compare one process with two (`--jobs 2`).
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# x264's options in both: closed groups of two seconds on one grid.
GRID = "keyint={gop}:min-keyint={gop}:scenecut=0:open-gop=0:b-pyramid=none:stitchable=1"
# The part of a rung's bound that its encoder gets (Encoder.swift), and the bounds (Ladder.swift).
RATE_SHARE = 0.85
BOUNDS = {"240p": 145_000, "360p": 365_000, "480p": 800_000, "720p": 2_500_000, "1080p": 5_000_000}


def main():
    options = arguments()
    folder = tempfile.mkdtemp(prefix="transcode-bench-")
    try:
        compare(options, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="a video that is as large as one of the rungs, upright")
    parser.add_argument("--transcode", default=".build/release/transcode", help="the program")
    parser.add_argument("--runs", type=int, default=3, help="how often each is run")
    parser.add_argument("--preset", default="veryfast")
    parser.add_argument("--without-ssim", action="store_true", help="times and sizes only")
    return parser.parse_args()


def compare(options, folder):
    ours_folder = os.path.join(folder, "ours")
    run(ours(options, ours_folder))
    rungs = ladder(ours_folder)
    print(f"{os.path.basename(options.input)}: {', '.join(rungs)}; preset {options.preset}; {os.cpu_count()} cores")
    command, name = fastest(options, folder, rungs)
    tuned = ffmpeg(options, os.path.join(folder, "tuned"), rungs, name, tuning)
    contestants = [
        ("transcode file", ours(options, ours_folder), ours_folder),
        (f"ffmpeg ({name})", command, os.path.join(folder, name)),
        ("ffmpeg, our x264 options", tuned, os.path.join(folder, "tuned")),
        ("transcode file --jobs 2", ours(options, os.path.join(folder, "two"), jobs=2), os.path.join(folder, "two")),
    ]
    times = {title: [] for title, _, _ in contestants}
    for _ in range(options.runs):
        for title, arguments, _ in contestants:
            times[title].append(run(arguments))
    table(options, contestants, times, rungs)


def ours(options, folder, jobs=1):
    return [options.transcode, "file", options.input, "--out", folder, "--preset", options.preset, "--jobs", str(jobs)]


def run(arguments):
    """Runs a command; gives wall and processor seconds, those of all its processes."""
    before = os.times()
    start = time.monotonic()
    done = subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    wall = time.monotonic() - start
    after = os.times()
    if done.returncode != 0:
        sys.exit(f"{' '.join(arguments)}\n{done.stderr}")
    return wall, after.children_user - before.children_user + after.children_system - before.children_system


def ladder(folder):
    """The rungs' sizes by name, largest first, from the multivariant playlist."""
    text = open(os.path.join(folder, "master.m3u8")).read()
    found = re.findall(r"#EXT-X-STREAM-INF:.*RESOLUTION=(\d+)x(\d+).*\n(\w+)/", text)
    sizes = {name: (int(width), int(height)) for width, height, name in found}
    return dict(sorted(sizes.items(), key=lambda entry: -entry[1][0] * entry[1][1]))


def fastest(options, folder, rungs):
    """The best of ffmpeg's ways to do it on this machine, by one run each."""
    results = []
    for name in ("split", "split-2", "cascade", "cascade-2"):
        command = ffmpeg(options, os.path.join(folder, name), rungs, name)
        wall, processor = run(command)
        print(f"  ffmpeg {name}: {wall:.1f} s wall, {processor:.1f} s processor")
        results.append((wall, name, command))
    _, name, command = min(results)
    return command, name


def tuning(options):
    """What Encoder.swift adds to the preset, without the shared types of pictures, which no command of ffmpeg can have."""
    return ":me=dia:partitions=p8x8,i8x8,i4x4" if options.preset == "veryfast" else ""


def ffmpeg(options, folder, rungs, name, tuning=lambda options: ""):
    os.makedirs(folder, exist_ok=True)
    gop = round(2 * frame_rate(options.input))
    command = ["ffmpeg", "-v", "error", "-y", "-i", options.input, "-filter_complex", graph(rungs, name)]
    for index, rung in enumerate(rungs):
        rate = str(int(BOUNDS[rung] * RATE_SHARE))
        command += ["-map", f"[o{index}]", "-c:v", "libx264", "-preset", options.preset, "-crf", "23"]
        command += ["-profile:v", "high", "-maxrate", rate, "-bufsize", rate]
        command += ["-x264-params", GRID.format(gop=gop) + tuning(options)]
        command += ["-threads", "2"] if name.endswith("-2") else []
        command += fragments(folder, rung)
    if streams(options.input, "a"):
        command += ["-map", "0:a", "-c:a", "aac", "-b:a", "128k", "-ac", "2", "-ar", "48000"] + fragments(folder, "audio")
    return command


def fragments(folder, name):
    return ["-f", "mp4", "-movflags", "+frag_keyframe+empty_moov", os.path.join(folder, name + ".mp4")]


def graph(rungs, name):
    sizes = list(rungs.values())
    scales = [f"scale={width}:{height}:flags=bicubic" for width, height in sizes]
    if name.startswith("split"):
        pads = "".join(f"[i{index}]" for index in range(len(sizes)))
        chains = [f"[i{index}]{scale}[o{index}]" for index, scale in enumerate(scales)]
        return ";".join([f"[0:v]split={len(sizes)}{pads}"] + chains)
    chains = []
    source = "[0:v]"
    for index, scale in enumerate(scales):
        is_last = index == len(scales) - 1
        chains.append(f"{source}{scale}[o{index}]" if is_last else f"{source}{scale},split[o{index}][n{index}]")
        source = f"[n{index}]"
    return ";".join(chains)


def frame_rate(path):
    numerator, denominator = streams(path, "v:0")[0]["r_frame_rate"].split("/")
    return int(numerator) / int(denominator)


def streams(path, kind):
    """What ffprobe says of the streams of this kind."""
    output = subprocess.run(
        ["ffprobe", "-v", "error", "-select_streams", kind, "-show_entries", "stream=r_frame_rate", "-of", "json", path],
        capture_output=True, text=True, check=True).stdout
    return json.loads(output)["streams"]


def media(folder, rung):
    """The rung's media as something that ffmpeg reads."""
    playlist = os.path.join(folder, rung, "index.m3u8")
    return playlist if os.path.exists(playlist) else os.path.join(folder, rung + ".mp4")


def size(folder, rung):
    path = os.path.join(folder, rung)
    if not os.path.isdir(path):
        return os.path.getsize(path + ".mp4")
    return sum(os.path.getsize(os.path.join(path, file)) for file in os.listdir(path) if not file.endswith(".m3u8"))


def ssim(options, folder, rung, shape):
    graph = f"[1:v]scale={shape[0]}:{shape[1]}:flags=bicubic,setsar=1[r];[0:v]setsar=1[m];[m][r]ssim"
    done = subprocess.run(
        ["ffmpeg", "-v", "info", "-nostats", "-i", media(folder, rung), "-i", options.input, "-lavfi", graph, "-an",
         "-f", "null", "-"], capture_output=True, text=True)
    return float(re.search(r"SSIM Y:([0-9.]+)", done.stderr).group(1))


def table(options, contestants, times, rungs):
    reference = statistics.median(wall for wall, _ in times[contestants[1][0]])
    print(f"\n{'':28}{'wall s':>8}{'of ffmpeg':>11}{'processor s':>13}{'MB':>8}")
    for title, _, folder in contestants:
        wall = statistics.median(wall for wall, _ in times[title])
        processor = statistics.median(processor for _, processor in times[title])
        total = sum(size(folder, rung) for rung in rungs) / 1e6
        print(f"{title:28}{wall:8.2f}{wall / reference:11.2f}{processor:13.2f}{total:8.2f}")
    print(f"\n{'size in kB' if options.without_ssim else 'size in kB, SSIM':28}" + "".join(f"{rung:>16}" for rung in rungs))
    for title, _, folder in contestants:
        cells = []
        for rung, shape in rungs.items():
            cell = f"{size(folder, rung) / 1e3:.0f}"
            if not options.without_ssim:
                cell += f" {ssim(options, folder, rung, shape):.4f}"
            cells.append(f"{cell:>16}")
        print(f"{title:28}" + "".join(cells))


if __name__ == "__main__":
    main()
