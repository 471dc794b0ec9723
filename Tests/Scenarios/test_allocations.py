# SPDX-License-Identifier: Apache-2.0
"""A hit asks nothing of the allocator and waits for no lock: counted by a library that is loaded before the C library."""

import os
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fixed_origin import serve_fixed
from h2load import load
from stack.ports import free_ports
from stack.stack import Stack
from viewer import sign

FEW_REQUESTS, MANY_REQUESTS = 5_000, 25_000
# What timers ask for in the meantime. The least that a request path could ask for, once for sixteen requests that come
# together, is 0.06.
ALLOCATIONS_PER_HIT_MAX = 0.01
# Connections fall on the workers by chance, and a worker that gets more of them than ever before grows its free lists: a
# few hundred allocations of one round. What a hit asks for, it asks for in every round.
ROUNDS_MAX = 5
SITES = "sites: [{hosts: [127.0.0.1]}, {hosts: ['*.example']}]\nunknownHosts: refuse"
COUNTER_SOURCE = Path(__file__).parent / "allocation_counter.c"


@dataclass(frozen=True)
class Counts:
    """What the library has seen, in the order of its file."""

    allocations: int
    bytes: int
    frees: int
    locks: int
    contended_locks: int
    futexes: int

    @staticmethod
    def read(path: Path) -> "Counts":
        return Counts(*struct.unpack("<6Q", path.read_bytes()))

    def since(self, before: "Counts") -> "Counts":
        return Counts(*(now - then for now, then in zip(self.values(), before.values(), strict=True)))

    def values(self) -> tuple[int, ...]:
        return (self.allocations, self.bytes, self.frees, self.locks, self.contended_locks, self.futexes)


@dataclass(frozen=True)
class CountedEdge:
    address: str
    counts: Path


@pytest.fixture(params=[(2_048, ""), (250_000, ""), (2_048, SITES)], ids=["2KB", "250KB", "site"])
def edge(stack: Stack, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[CountedEdge]:
    """An edge with two workers under the counter, and the signed address of an object."""
    library, counts = tmp_path / "counter.so", tmp_path / "counts"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, COUNTER_SOURCE, "-ldl"], check=True)
    size, more = request.param
    upstream = serve_fixed(os.urandom(size))
    port, admin = free_ports(2)
    program = stack.start_edge(
        f"counted-edge-{size}",
        port,
        admin,
        upstream.server_port,
        workers="2",
        log=False,
        more=more,
        prefix=["env", f"LD_PRELOAD={library}", f"ALLOCATION_COUNTER={counts}"],
    )
    token = sign(stack.keys.token_key, "/v/hits/*", seconds=3600)
    yield CountedEdge(f"https://127.0.0.1:{port}/hdnts={token}/v/hits/object.bin", counts)
    program.stop()
    stack.forget(program)
    upstream.shutdown()
    upstream.server_close()


@pytest.mark.parametrize("version", ["h2", "http/1.1"])
def test_a_hit_allocates_nothing_and_waits_for_no_lock(
    edge: CountedEdge, version: str, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [] if version == "h2" else ["--h1"]
    start = Counts.read(edge.counts)
    load(edge.address, FEW_REQUESTS, 0, options)
    # The first connections do allocate: the counter works.
    assert Counts.read(edge.counts).since(start).allocations > 100

    rounds: list[Cost] = []
    while len(rounds) < ROUNDS_MAX and not (rounds and rounds[-1].nothing()):
        rounds.append(cost_of_hits(edge, options))
        with capsys.disabled():
            print(f"\n  {rounds[-1].hits} hits over {version}: {rounds[-1].counts}")
    assert rounds[-1].nothing(), rounds


@dataclass(frozen=True)
class Cost:
    """What more hits cost than few, over as many connections."""

    hits: int
    counts: Counts

    def nothing(self) -> bool:
        return (
            self.counts.allocations / self.hits <= ALLOCATIONS_PER_HIT_MAX
            and self.counts.futexes / self.hits <= ALLOCATIONS_PER_HIT_MAX
            and self.counts.contended_locks <= 2
        )


def cost_of_hits(edge: CountedEdge, options: list[str]) -> Cost:
    differences: list[Counts] = []
    for requests in (FEW_REQUESTS, MANY_REQUESTS):
        before = Counts.read(edge.counts)
        load(edge.address, requests, 0, options)
        differences.append(Counts.read(edge.counts).since(before))
    return Cost(MANY_REQUESTS - FEW_REQUESTS, differences[1].since(differences[0]))
