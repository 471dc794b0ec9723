# SPDX-License-Identifier: Apache-2.0
"""Where things are in the source tree."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VAR = ROOT / "var"
WEB = ROOT / "web"
PLAYER = VAR / "vendor" / "hls.mjs"
"""hls.js as scripts/setup put it there; may be absent."""


def program(name: str) -> Path:
    """The built program `name`: from SPILLWAY_BIN when that is set, else from the release build."""
    folder = Path(os.environ.get("SPILLWAY_BIN", ROOT / ".build" / "release"))
    path = folder / name
    if not path.exists():
        raise FileNotFoundError(f"{path} is not built: run 'make build', or set SPILLWAY_BIN to a build's folder")
    return path
