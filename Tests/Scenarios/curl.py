# SPDX-License-Identifier: Apache-2.0
"""Requests by curl: a client that is not ours, and that checks the edge's certificate."""

import subprocess
from dataclasses import dataclass, field
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
    # The interim responses before it: their statuses and headers.
    interims: list[tuple[int, dict[str, str]]] = field(default_factory=list)


def fetch(url: str, *options: str, ca: Path | None = None, seconds: int = 60) -> Answer:
    """One request; asserts that curl got a whole answer, whatever its status."""
    trust = ["--cacert", str(ca)] if ca else []
    command = ["curl", "-sS", "--globoff", "--path-as-is", "--max-time", str(seconds), "-i", *trust, *options, url]
    done = subprocess.run(command, capture_output=True, timeout=seconds + 5)
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr.decode(errors='replace')}"
    return _parse(done.stdout)


def _parse(output: bytes) -> Answer:
    interims: list[tuple[int, dict[str, str]]] = []
    while True:
        head, _, output = output.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        version, status = first.split(" ")[:2]
        headers: dict[str, str] = {}
        for name, _, value in (line.partition(":") for line in lines):
            headers[name.strip().lower()] = value.strip()
        if not status.startswith("1"):
            return Answer(int(status), version, headers, output, interims)
        interims.append((int(status), headers))
