# SPDX-License-Identifier: Apache-2.0
"""A whole Spillway: an origin, its worker, a shield and two edges."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from stack import configuration
from stack.api import Client
from stack.configuration import JobTimes
from stack.credentials import Credentials, make_credentials
from stack.paths import PLAYER, program
from stack.ports import Ports
from stack.program import Program


class Stack:
    """Starts programs with their state, configuration and logs in one folder; `stop` ends them all."""

    def __init__(self, folder: Path, ports: Ports, times: JobTimes = JobTimes()) -> None:
        self.folder = folder
        self.ports = ports
        self.keys: Credentials = make_credentials(folder / "keys")
        self.log_folder = folder / "log"
        self.log_folder.mkdir(parents=True, exist_ok=True)
        self.delivery_log = self.log_folder / "delivery.jsonl"
        self.client = Client(f"http://127.0.0.1:{ports.api}", self.keys.api_key)
        self.running: list[Program] = []
        self.origin_conf = self._write("origin.conf", configuration.origin_text(folder, ports, self.keys, times))
        if PLAYER.exists():
            (folder / "vendor").mkdir(exist_ok=True)
            shutil.copyfile(PLAYER, folder / "vendor" / "hls.mjs")

    def start_all(self) -> None:
        """Starts everything and returns when everything answers."""
        ports = self.ports
        self.start_origin()
        self.start_worker()
        self.start_shield(ports.shield, ports.shield_admin, ports.delivery, has_disk=True)
        self.start_edge("edge-1", ports.edge_1, ports.edge_1_admin, ports.shield, has_disk=True)
        self.start_edge("edge-2", ports.edge_2, ports.edge_2_admin, ports.shield, has_disk=True)

    def start_origin(self) -> Program:
        health = f"http://127.0.0.1:{self.ports.api}/healthz"
        return self._start("origin", [program("origin"), "--config", self.origin_conf], health)

    def start_worker(self, name: str = "worker", options: Sequence[str] = ()) -> Program:
        return self._start(name, [program("transcode"), "worker", "--config", self.origin_conf, *options], None)

    def start_shield(
        self, listen: int, admin: int, upstream: int, workers: str = "auto", name: str = "shield",
        has_disk: bool = False,
    ) -> Program:
        text = configuration.shield_text(
            name, listen, admin, upstream, self.keys, workers, self._cache_folder(name, has_disk)
        )
        return self._start_edge_program(name, text, admin)

    def start_edge(
        self,
        name: str,
        listen: int,
        admin: int,
        upstream: int,
        workers: str = "auto",
        log: bool = True,
        prefix: Sequence[str | Path] = (),
        more: str = "",
        has_disk: bool = False,
    ) -> Program:
        """`log`: with an access log. `prefix`: a command that runs the edge, such as taskset. `more`: configuration.
        `has_disk`: with a disk tier, which is there again the next time."""
        access_log = self.log_folder / f"{name}.jsonl" if log else None
        cache = self._cache_folder(name, has_disk)
        text = configuration.edge_text(name, listen, admin, upstream, self.keys, workers, access_log, more, cache)
        return self._start_edge_program(name, text, admin, prefix)

    def _cache_folder(self, name: str, has_disk: bool) -> Path | None:
        return self.folder / "cache" / name if has_disk else None

    def stop(self) -> None:
        """Ends every program, the last started first."""
        while self.running:
            self.running.pop().stop()

    def forget(self, ended: Program) -> None:
        """Leaves a program that has been ended on purpose out of `stop`."""
        self.running.remove(ended)

    def _start_edge_program(self, name: str, text: str, admin: int, prefix: Sequence[str | Path] = ()) -> Program:
        conf = self._write(f"{name}.conf", text)
        return self._start(name, [*prefix, program("edge"), "--config", conf], f"http://127.0.0.1:{admin}/healthz")

    def _start(self, name: str, command: Sequence[str | Path], health: str | None) -> Program:
        started = Program(name, command, self.log_folder, health)
        self.running.append(started)
        started.wait_until_ready()
        return started

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path
