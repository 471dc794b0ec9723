# SPDX-License-Identifier: Apache-2.0
"""Requests by curl: a client that is not ours, and that checks the edge's certificate."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

HTTP_1 = "--http1.1"
HTTP_2 = "--http2"


@dataclass(frozen=True)
class Answer:
    """One response. Header names are in lower case."""

    status: int
    version: str
    headers: dict[str, str]
    body: bytes


def fetch(url: str, *options: str, ca: Path | None = None, seconds: int = 60) -> Answer:
    """One request; asserts that curl got a whole answer, whatever its status."""
    trust = ["--cacert", str(ca)] if ca else []
    command = ["curl", "-sS", "--globoff", "--path-as-is", "--max-time", str(seconds), "-i", *trust, *options, url]
    done = subprocess.run(command, capture_output=True, timeout=seconds + 5)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode(errors='replace')}"
    return _parse(done.stdout)


def _parse(output: bytes) -> Answer:
    head, _, body = output.partition(b"\r\n\r\n")
    while head.split(b"\r\n")[0].split(b" ")[1].startswith(b"1"):  # 100 Continue
        head, _, body = body.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    version, status = first.split(" ")[:2]
    headers: dict[str, str] = {}
    for name, _, value in (line.partition(":") for line in lines):
        headers[name.strip().lower()] = value.strip()
    return Answer(int(status), version, headers, body)
