# SPDX-License-Identifier: Apache-2.0
"""An edge process whose whole configuration a scenario writes, changes and reloads."""

import json
import re
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stack.paths import program
from stack.program import Program
from viewer import read

SECONDS_MAX = 10.0


class ConfiguredEdge:
    """One edge process; `name.conf` in `folder` is its configuration."""

    def __init__(self, folder: Path, name: str, admin_port: int, text: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.admin_port = admin_port
        self.conf = folder / f"{name}.conf"
        self.conf.write_text(text)
        health = f"http://127.0.0.1:{admin_port}/healthz"
        self.program = Program(name, [program("edge"), "--config", self.conf], folder / "log", health)
        try:
            self.program.wait_until_ready()
        except BaseException:
            self.program.kill()
            raise

    def hang_up(self) -> None:
        self.program.process.send_signal(signal.SIGHUP)

    def reload(self, text: str | None = None) -> None:
        """Reloads, with another configuration if one is given; returns when every worker has it."""
        self._reload(text, "spillway_reloads_total")

    def reload_badly(self, text: str | None = None) -> str:
        """Reloads what is to be refused; returns the log lines that say why."""
        before = self.program.log.stat().st_size
        self._reload(text, "spillway_reloads_failed_total")
        lines = self.program.log.read_bytes()[before:].decode().splitlines()
        return "\n".join(json.loads(line).get("reason", "") for line in lines if "Not reloaded" in line)

    def _reload(self, text: str | None, counter: str) -> None:
        if text is not None:
            self.conf.write_text(text)
        before = self.metric(counter)
        self.hang_up()
        self.wait_for(counter, before + 1)

    def wait_for(self, counter: str, value: int, seconds: float = SECONDS_MAX) -> None:
        deadline = time.monotonic() + seconds
        while (seen := self.metric(counter)) < value:
            assert time.monotonic() < deadline, f"{counter} is {seen}, not {value}\n{self.program.log_tail()}"
            time.sleep(0.02)
        assert seen == value, f"{counter} is {seen}, not {value}"

    def metric(self, name: str) -> int:
        text = read(f"http://127.0.0.1:{self.admin_port}/metrics").decode()
        found = re.search(rf"^{re.escape(name)} (\d+)$", text, re.MULTILINE)
        assert found, f"{name} is not in /metrics"
        return int(found.group(1))


@contextmanager
def configured_edge(folder: Path, name: str, admin_port: int, text: str) -> Iterator[ConfiguredEdge]:
    """The edge for the time of a block; it must still run at its end."""
    edge = ConfiguredEdge(folder, name, admin_port, text)
    try:
        yield edge
        edge.program.require_running()
    finally:
        edge.program.stop()
