"""What do a billion memories and 100,000 events a second take?

    python -m benchmarks.scale [--cubes N] [--rate N] [--json FILE] [--check]

A model with one line a resource: work per event, times events, over what one unit gives. What an event
costs is read from what `benchmarks.distributed` measured, what a memory takes from `benchmarks.growth`;
what a machine gives is assumed. The model says that costs stay as they are while a vault grows: what
it makes of the smallest vault of `benchmarks.growth` is compared with what the largest one measured,
and --check fails where it was further off than a target allows.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.harness import RESULTS, Report, judge, table_of, tables, targets

GROWING = {
    "kafka bytes": True,
    "cassandra bytes": True,
    "reader bytes": True,
    "fold /s": False,
    "index /s": False,
}
"""What the model takes to stay as it is, a memory or altogether."""

SECONDS_A_MONTH = 30 * 86_400


@dataclass(frozen=True)
class Costs:
    """What an event and a memory cost. CPU in microseconds, sizes in bytes; what has a default is
    arithmetic, or measured where its comment says.
    """

    fold_worker: float
    index_worker: float
    cassandra_fold: float
    cassandra_index: float
    kafka_bytes: float
    cassandra_bytes: float
    reader_bytes: float
    vector_memory: float
    vector_disk: float
    embedding: float = 10_000.0  # a text on one core: docs/performance.md
    vectors: float = 2.7  # a memory: its text and its sentences


def measured(results: Path) -> Costs:
    """The costs that `benchmarks.distributed` and `benchmarks.growth` measured."""
    rates = json.loads((results / "distributed.json").read_text())["figures"]
    largest = json.loads((results / "growth.json").read_text())["rows"][-1]
    return Costs(
        rates["fold worker us"],
        rates["index worker us"],
        rates["fold cassandra us"],
        rates["index cassandra us"],
        largest["kafka bytes"],
        largest["cassandra bytes"],
        largest["reader bytes"],
        largest["milvus memory"],
        largest["milvus bytes"],
    )


def growth_check(results: Path) -> Report:
    """What the model makes of the smallest vault for the largest, beside what that one measured."""
    rows = json.loads((results / "growth.json").read_text())["rows"]
    first, last = rows[0], rows[-1]
    report = Report()
    for what, of_total in GROWING.items():
        times = last["memories"] if of_total else 1
        foretold, found = first[what] * times, last[what] * times
        report.row(
            resource=f"{what}, all of them" if of_total else what,
            from_a_vault_of=first["memories"],
            foretold_for=last["memories"],
            as_=foretold,
            measured=found,
        )
        report.figures[f"{what}: measured / foretold"] = found / foretold
    return report


@dataclass(frozen=True)
class Machines:
    """What one unit gives, and how far it is filled."""

    cassandra_cores: int = 16
    cassandra_disk: float = 2e12
    broker_bytes: float = 60e6  # a second that a broker takes in, replication included
    broker_disk: float = 4e12
    query_node_memory: float = 128e9
    replicas: int = 3
    load: float = 0.6
    compaction: float = 1.5  # times the CPU of the writes themselves


@dataclass(frozen=True)
class Need:
    """One resource: how much of it, and why that many."""

    what: str
    count: float
    unit: str
    why: str


def needs(cubes: float, rate: float, costs: Costs, machines: Machines) -> list[Need]:
    """What so many memories, at so many events a second, take."""
    folds = _up(rate * costs.fold_worker / 1e6 / machines.load)
    indexes = _up(rate * costs.index_worker / 1e6 / machines.load)
    server = (costs.cassandra_fold + costs.cassandra_index) * machines.replicas
    cores = rate * server * machines.compaction / 1e6 / machines.load
    stored = cubes * costs.cassandra_bytes * machines.replicas
    by_cpu, by_disk = (
        _up(cores / machines.cassandra_cores),
        _up(stored / machines.cassandra_disk / machines.load),
    )
    taken_in = rate * costs.kafka_bytes * machines.replicas
    log = cubes * costs.kafka_bytes * machines.replicas
    brokers = max(
        machines.replicas,
        _up(taken_in / machines.broker_bytes / machines.load),
        _up(log / machines.broker_disk / machines.load),
    )
    vector_memory = cubes * costs.vectors * costs.vector_memory
    vector_disk = cubes * costs.vectors * costs.vector_disk
    partitions = min(256, _power(max(folds, indexes)))
    cpu = costs.fold_worker + costs.index_worker + server * machines.compaction
    return [
        Need("partitions", partitions, "", "a power of two, one for each worker at least"),
        Need("fold workers", folds, "cores", f"{costs.fold_worker:g} µs an event"),
        Need("index workers", indexes, "cores", f"{costs.index_worker:g} µs an event"),
        Need(
            "Kafka brokers", brokers, "", f"{taken_in / 1e6:,.0f} MB/s, {log / 1e12:.1f} TB of log"
        ),
        Need(
            "Cassandra nodes",
            max(by_cpu, by_disk, machines.replicas),
            f"of {machines.cassandra_cores} cores",
            f"{by_cpu} by CPU, {by_disk} by {stored / 1e12:.1f} TB",
        ),
        Need(
            "Milvus query nodes",
            _up(vector_memory / machines.query_node_memory / machines.load),
            f"of {machines.query_node_memory / 1e9:.0f} GB",
            f"{vector_memory / 1e12:.1f} TB in memory, {vector_disk / 1e12:.1f} TB on disk",
        ),
        Need(
            "embedding",
            _up(rate * costs.embedding / 1e6 / machines.load),
            "cores",
            "or a few GPUs; behind the writes, so it may lag",
        ),
        Need("readers' memory", cubes * costs.reader_bytes / 1e9, "GB", "of the tenants searched"),
        Need(
            "CPU a million events",
            cpu,
            "core seconds",
            "workers and Cassandra; Kafka and embedding apart",
        ),
        Need(
            "a month at this rate",
            rate * SECONDS_A_MONTH / 1e9,
            "billion events",
            f"a rate is a peak: a billion memories are {cubes / rate / 3600:.1f} hours of it",
        ),
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the model; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("--cubes", type=float, default=1e9)
    parser.add_argument("--rate", type=float, default=1e5, help="events a second")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--results", type=Path, default=RESULTS, help="where both figures are")
    parser.add_argument(
        "--check", action="store_true", help="exit with 1 when growth was foretold badly"
    )
    given = parser.parse_args(arguments)
    costs = measured(given.results)
    checked = growth_check(given.results)
    told = [judge(target, checked.figures) for target in targets("scale", full=False)]
    found = needs(given.cubes, given.rate, costs, Machines())
    if given.json:
        kept = {
            "cubes": given.cubes,
            "rate": given.rate,
            "costs": asdict(costs),
            "machines": asdict(Machines()),
            "needs": [asdict(need) for need in found],
            "growth": checked.rows,
            "figures": checked.figures,
            "targets": told,
        }
        given.json.write_text(json.dumps(kept, indent=1) + "\n")
    table = Table(box=None, title=f"{given.cubes:,.0f} memories, {given.rate:,.0f} events a second")
    for head in ("", "count", "", "because"):
        table.add_column(head)
    for need in found:
        table.add_row(need.what, f"{need.count:,.0f}", need.unit, need.why)
    Console(width=120).print(table)
    for heads, cells in tables(checked.rows):
        Console(width=120).print(table_of(heads, cells))
    missed = [each for each in told if not each["met"]]
    for each in missed:
        print(f"MISSED {each['target']}: {each['measured']}")
    return 1 if given.check and missed else 0


def _up(amount: float) -> int:
    return max(1, math.ceil(amount))


def _power(count: int) -> int:
    return 1 << max(count - 1, 1).bit_length()


if __name__ == "__main__":
    sys.exit(main())
