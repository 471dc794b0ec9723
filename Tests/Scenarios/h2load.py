# SPDX-License-Identifier: Apache-2.0
"""Load by nghttp2's h2load, and the processor time that a server spends on it."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


def cpu_microseconds_per_request(pid: int, address: str, requests: int, client_core: int) -> float:
    """Sends warm requests over 32 connections, 16 at a time on each; asserts that each was answered 200."""
    before = cpu_seconds(pid)
    load(address, requests, client_core)
    return (cpu_seconds(pid) - before) * 1e6 / requests


def load(address: str, requests: int, client_core: int, options: Sequence[str] = ()) -> None:
    """h2load on one core, with further options of its own; asserts that every answer had status 2xx."""
    command = ["taskset", "-c", str(client_core), "h2load", "-c", "32", "-m", "16", "-n", str(requests)]
    command += ["--tls13-ciphers=TLS_AES_128_GCM_SHA256", *options, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    answered = re.search(r"status codes: (\d+) 2xx", done.stdout)
    assert answered and int(answered.group(1)) == requests, done.stdout
    assert "TLS_AES_128_GCM_SHA256" in done.stdout, done.stdout


def cpu_seconds(pid: int) -> float:
    """utime + stime of a process and its threads (proc(5), /proc/PID/stat, fields 14 and 15)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS_PER_SECOND
