"""Whether the workers run, and how far they are behind the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.clock import CLOCK_AHEAD_SECONDS
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.log.port import Cut
from memos.infrastructure.reports import Finding
from memos.infrastructure.vault.cassandra.vault import CassandraVault

LOOK_SECONDS = 2.0
"""Between two looks at a worker that is behind: whether it moves."""


def examine(
    settings: DistributedSettings, store: CassandraSession, sleep: Callable[[float], None]
) -> Iterator[Finding]:
    """Examine the projections of the live generation.

    Raises:
        VaultError: a server does not answer.
    """
    running = running_workers(settings.kafka)
    for worker in WORKERS:
        if worker not in running:
            yield Finding(
                "warning", f"no worker {worker} is running", f"start it: `memos worker {worker}`"
            )
    vault = CassandraVault(store)
    with closing(KafkaLogs(settings.kafka)) as logs:
        ends = {name: (logs.access if name == "usage" else logs.events).end() for name in WORKERS}
    before = {name: _offsets(vault, name) for name in WORKERS}
    behind = {name: lag(ends[name], before[name]) for name in WORKERS}
    if any(behind.values()):
        sleep(LOOK_SECONDS)
    for name, count in behind.items():
        if count:
            yield judge_lag(name, count, lag(ends[name], _offsets(vault, name)))
    yield from _clock(vault)
    begun = store.execute(f"SELECT operation_id FROM {settings.cassandra.keyspace}.erasure_begun")
    if begun or vault.erasing():
        yield Finding(
            "warning",
            "an erase is under way, or was cut off",
            "open the vault once: it is finished then",
        )


def lag(end: Cut, offsets: Mapping[int, int]) -> int:
    """How many records before a cut a projection has not taken."""
    return sum(max(size - offsets.get(partition, 0), 0) for partition, size in end.items())


def judge_lag(worker: str, before: int, now: int) -> Finding:
    """What it means that a worker was so many records behind, and is now."""
    if now < before:
        return Finding(
            "warning",
            f"the worker {worker} is {now} records behind, and catching up",
            "wait; where it stays behind, run more of them, up to the partitions",
        )
    return Finding(
        "error",
        f"the worker {worker} is {now} records behind and does not move",
        f"see that `memos worker {worker}` runs, and what it says",
    )


def _offsets(vault: CassandraVault, projection: str) -> dict[int, int]:
    return {p: offset for p, (offset, _, _) in vault.checkpoints(projection).items()}


def _clock(vault: CassandraVault) -> Iterator[Finding]:
    """The log's times are the brokers': how they stand to this machine's clock."""
    last = max((log_time for _, _, log_time in vault.checkpoints().values()), default=0)
    ahead = last / 1e6 - time.time()
    if ahead > CLOCK_AHEAD_SECONDS:
        yield Finding(
            "warning",
            f"this machine's clock is {ahead:.0f} s behind the log's last record",
            "set the clocks of this machine and of the brokers",
        )
