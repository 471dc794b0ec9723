#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What options of x264 cost and give: processor time, and the size at equal quality.

    python3 LoadTests/encoder-bench.py INPUT [--size 854x480] [--seconds 16] OPTIONS...

    python3 LoadTests/encoder-bench.py clip.mp4 me=dia me=dia:subme=1

Each set of OPTIONS (as x264 names them, joined by `:`) is compared with none. One thread encodes the clip's beginning with the
preset and the grid of key frames that `transcode` uses, at CRF 20, 23 and 26 and without a bound of the rate. `size at equal`
SSIM or PSNR is read off the line through the three results: how much larger (+) or smaller (-) a file is when it is as
similar to the source as x264's own choice at CRF 23. Luma only. Processor time is that of ffmpeg, user mode, for the
three files together.
"""

import argparse
import math
import os
import re
import subprocess
import sys
import tempfile

GRID = "keyint=60:min-keyint=60:scenecut=0:open-gop=0:b-pyramid=none:stitchable=1:ssim=1:psnr=1"
FACTORS = (20, 23, 26)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("input", help="a video")
    parser.add_argument("options", nargs="+", metavar="OPTIONS", help="for instance me=dia:subme=1")
    parser.add_argument("--size", help="scale to this before, such as 854x480")
    parser.add_argument("--seconds", type=float, default=16, help="so much of the beginning")
    parser.add_argument("--preset", default="veryfast")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="encoder-bench-") as folder:
        # Decoded once: the time of the runs is the encoder's.
        pictures = os.path.join(folder, "pictures.y4m")
        scale = ["-vf", f"scale={options.size.replace('x', ':')}:flags=bicubic"] if options.size else []
        call(["-t", str(options.seconds), "-i", options.input, *scale, "-an", "-pix_fmt", "yuv420p", pictures])
        table(options, {name: results(options, name, pictures, folder) for name in ["", *options.options]})


def call(arguments):
    done = subprocess.run(["ffmpeg", "-v", "info", "-nostats", "-y", *arguments], capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return done.stderr


def results(options, name, pictures, folder):
    """Seconds, and (SSIM in dB, PSNR in dB, logarithm of the size, SSIM) at each CRF."""
    output = os.path.join(folder, "out.mp4")
    before = os.times().children_user
    points = []
    for factor in FACTORS:
        parameters = ":".join(filter(None, [GRID, name]))
        text = call(["-i", pictures, "-c:v", "libx264", "-preset", options.preset, "-crf", str(factor), "-threads", "1",
                     "-profile:v", "high", "-x264-params", parameters, output])
        ssim = float(re.search(r"SSIM Mean Y:([0-9.]+)", text).group(1))
        psnr = float(re.search(r"PSNR Mean Y:([0-9.]+)", text).group(1))
        points.append((-10 * math.log10(1 - ssim), psnr, math.log(os.path.getsize(output)), ssim))
    return os.times().children_user - before, points


def size_at(points, measure, value):
    """The logarithm of the size at a quality, by the line through the two nearest points."""
    line = sorted((point[measure], point[2]) for point in points)
    low, high = next(((a, b) for a, b in zip(line, line[1:]) if value <= b[0]), (line[-2], line[-1]))
    return low[1] + (high[1] - low[1]) * (value - low[0]) / (high[0] - low[0])


def table(options, measured):
    seconds, points = measured[""]
    middle = points[1]
    print(f"{os.path.basename(options.input)} {options.size or ''}, preset {options.preset}; against x264's own choice")
    print(f"{'':44}{'time':>7}{'size at equal SSIM':>20}{'at equal PSNR':>15}{'SSIM at CRF 23':>16}")
    for name, (own_seconds, own) in measured.items():
        ssim, psnr = (math.expm1(size_at(own, measure, middle[measure]) - middle[2]) * 100 for measure in (0, 1))
        print(f"{name or '(its own)':44}{own_seconds / seconds:7.2f}{ssim:+19.1f}%{psnr:+14.1f}%{own[1][3]:16.4f}")


if __name__ == "__main__":
    main()
