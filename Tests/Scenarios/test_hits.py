# SPDX-License-Identifier: Apache-2.0
"""The price of a hit: processor time per warm 2 KB response, beside Debian's h2o on the same file and certificate."""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import pytest
from curl import HTTP_2, fetch
from fixed_origin import serve_fixed
from h2load import cpu_microseconds_per_request, load
from stack.ports import free_ports
from stack.program import Program
from stack.stack import Stack
from viewer import sign

BODY = os.urandom(2048)
ROUNDS = 7
REQUESTS = 200_000
WARM_UP_REQUESTS = 20_000
SERVER_CORE, CLIENT_CORE = 0, 1
RATIO_MAX = 2.0


@pytest.fixture
def edge(stack: Stack) -> Iterator[tuple[Program, str]]:
    """Our edge with one worker on one core, and the signed address of the file."""
    upstream = serve_fixed(BODY)
    port, admin = free_ports(2)
    on_core = ["taskset", "-c", str(SERVER_CORE)]
    program = stack.start_edge("hits-edge", port, admin, upstream.server_port, workers="1", log=False, prefix=on_core)
    token = sign(stack.keys.token_key, "/v/hits/*", seconds=3600)
    yield program, f"https://127.0.0.1:{port}/hdnts={token}/v/hits/2k.bin"
    program.stop()
    stack.forget(program)
    upstream.shutdown()
    upstream.server_close()


@pytest.fixture
def h2o(stack: Stack, tmp_path: Path) -> Iterator[tuple[Program, str]]:
    """h2o with one thread on the same core, serving the file from a folder."""
    (tmp_path / "2k.bin").write_bytes(BODY)
    port = free_ports(1)[0]
    user = "user: root\n" if os.geteuid() == 0 else ""
    (tmp_path / "h2o.conf").write_text(
        f"""\
{user}num-threads: 1
listen:
  host: 127.0.0.1
  port: {port}
  ssl:
    certificate-file: {json.dumps(str(stack.keys.certificate))}
    key-file: {json.dumps(str(stack.keys.certificate_key))}
hosts:
  default:
    paths:
      /:
        file.dir: {json.dumps(str(tmp_path))}
"""
    )
    command: list[str | Path] = ["taskset", "-c", str(SERVER_CORE), "h2o", "-m", "worker", "-c", tmp_path / "h2o.conf"]
    program = Program("h2o", command, stack.log_folder)
    address = f"https://127.0.0.1:{port}/2k.bin"
    fetch(address, "--retry", "20", "--retry-delay", "1", "--retry-connrefused", ca=stack.keys.ca)
    yield program, address
    program.stop()


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs a core for the server and one for the client")
def test_a_hit_costs_at_most_twice_h2os(
    stack: Stack, edge: tuple[Program, str], h2o: tuple[Program, str], capsys: pytest.CaptureFixture[str]
) -> None:
    servers = {"spillway edge": edge, "h2o": h2o}
    for _, address in servers.values():
        assert fetch(address, HTTP_2, ca=stack.keys.ca).body == BODY
        load(address, WARM_UP_REQUESTS, CLIENT_CORE)
    assert "; hit" in fetch(edge[1], HTTP_2, ca=stack.keys.ca).headers["cache-status"]

    costs: dict[str, list[float]] = {name: [] for name in servers}
    for _ in range(ROUNDS):
        for name, (program, address) in servers.items():
            costs[name].append(cpu_microseconds_per_request(program.pid, address, REQUESTS, CLIENT_CORE))

    ratio = median(ours / theirs for ours, theirs in zip(costs["spillway edge"], costs["h2o"], strict=True))
    with capsys.disabled():
        print(f"\n\nserver CPU per warm 2 KB response, us; {REQUESTS} requests a run, h2load -c 32 -m 16")
        for name, runs in costs.items():
            print(f"  {name:14} median {median(runs):5.2f}   runs {' '.join(f'{cost:.2f}' for cost in runs)}")
        print(f"  ratio, median of {ROUNDS} interleaved pairs: {ratio:.2f} (at most {RATIO_MAX:.1f})")
    assert ratio <= RATIO_MAX
