# SPDX-License-Identifier: Apache-2.0
"""One running program of a stack: started, waited for, ended by its process id."""

import ctypes
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

READY_SECONDS = 20.0
STOP_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


class StartError(RuntimeError):
    """A program ended, or did not answer in time."""


class Program:
    """A child process with its standard error in a log file. It ends with its parent, whatever ends that."""

    def __init__(self, name: str, command: Sequence[str | Path], log_folder: Path, health: str | None = None) -> None:
        """`health` is an address that answers 200 once the program serves; None if it has none."""
        self.name = name
        self.log = log_folder / f"{name}.log"
        self._health = health
        log_folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            # Its own process group: Ctrl-C reaches only the parent, which ends its children in order.
            self.process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
                preexec_fn=_end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def wait_until_ready(self, seconds: float = READY_SECONDS) -> None:
        """Returns once the health address answers 200."""
        deadline = time.monotonic() + seconds
        while self._health and not _answers(self._health):
            self.require_running()
            if time.monotonic() > deadline:
                raise StartError(f"{self.name} did not answer {self._health} within {seconds:.0f} s\n{self.log_tail()}")
            time.sleep(0.05)
        self.require_running()

    def require_running(self) -> None:
        """Raises StartError, with the log's end, when the program has ended."""
        status = self.process.poll()
        if status is not None:
            raise StartError(f"{self.name} ended with status {status}\n{self.log_tail()}")

    def stop(self) -> int:
        """Asks the program to end, insists after a while; returns its exit status (negative: the signal)."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode

    def kill(self) -> None:
        """Ends the program at once, as `kill -9` does."""
        self.process.kill()
        self.process.wait()

    def log_tail(self, lines: int = 15) -> str:
        """The last lines of the program's log, for a message to a person."""
        tail = self.log.read_text(errors="replace").splitlines()[-lines:]
        return "\n".join([f"the end of {self.log}:", *(f"  {line}" for line in tail)])


def _end_with_parent() -> None:
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2) as response:
            return response.status == 200
    except (urllib.error.URLError, OSError):
        return False
