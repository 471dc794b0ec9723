# SPDX-License-Identifier: Apache-2.0
"""`transcode check` as scenarios call it."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack.paths import program

CHECK_SECONDS_MAX = 120


@dataclass(frozen=True)
class Report:
    """What it says of a presentation, and how it ended."""

    status: int
    findings: list[dict[str, str]]
    renditions: list[dict[str, Any]]
    errors: str

    def rules(self, severity: str | None = None) -> set[str]:
        return {found["rule"] for found in self.findings if severity in (None, found["severity"])}

    def of(self, rule: str) -> list[dict[str, str]]:
        return [found for found in self.findings if found["rule"] == rule]


def check(place: str | Path, ca: Path | None = None) -> Report:
    """Checks a folder, a file or an address; `ca` is the authority to trust."""
    words = [str(program("transcode")), "check", "--json", *(["--ca", str(ca)] if ca else []), str(place)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=CHECK_SECONDS_MAX)
    said = json.loads(done.stdout) if done.stdout else {"findings": [], "renditions": []}
    return Report(done.returncode, said["findings"], said["renditions"], done.stderr)


def make_presentation(clip: Path, folder: Path) -> Path:
    """HLS of a clip."""
    words = [str(program("transcode")), "file", str(clip), "--out", str(folder), "--preset", "ultrafast"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=CHECK_SECONDS_MAX)
    assert done.returncode == 0, done.stderr
    return folder
