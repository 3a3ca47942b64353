"""Whether the workers run, and how far they are behind the log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.clock import CLOCK_AHEAD_SECONDS
from memos.infrastructure.engine.distributed.erasure import erases_under_way
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.log.port import Cut
from memos.infrastructure.pages import page
from memos.infrastructure.reports import Finding, set_aside_finding
from memos.infrastructure.vault.cassandra.set_aside import INDEX, VECTORS, SetAsideRows
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.event import id_text

LOOK_SECONDS = 2.0
"""Between two looks at a worker that is behind: whether it moves."""

EMBEDDING_LOOKS = 10


def examine(
    settings: DistributedSettings,
    store: CassandraSession,
    sleep: Callable[[float], None],
    *,
    embeds: bool = True,
) -> Iterator[Finding]:
    """Examine the projections of the live generation; texts that wait to be embedded are watched for a
    while, where anything `embeds`.

    Raises:
        VaultError: a server does not answer.
    """
    running = running_workers(settings.kafka)
    for worker in WORKERS:
        if worker not in running:
            yield Finding(
                "error", f"no worker {worker} is running", f"start it: `memos worker {worker}`"
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
            yield from judge_lag(name, ends[name], before[name], _offsets(vault, name))
    if settings.embedder is not None:
        yield from _embedding(vault, sleep, EMBEDDING_LOOKS if embeds else 0)
    yield from _set_aside(SetAsideRows(store, vault.keyspace))
    yield from _clock(vault)
    if erases_under_way(store, vault):
        yield Finding(
            "warning",
            "an erase is under way, or was cut off",
            "open the vault once: it is finished then",
        )


def _embedding(
    vault: CassandraVault, sleep: Callable[[float], None], looks: int
) -> Iterator[Finding]:
    """How far the vectors are behind the fold; a batch of them takes a model seconds."""
    folded = _offsets(vault, FOLD)
    before = lag(folded, _offsets(vault, VECTORS))
    now = before
    for _ in range(looks):
        if not now or now < before:
            break
        sleep(LOOK_SECONDS)
        now = lag(folded, _offsets(vault, VECTORS))
    if not now:
        return
    if now < before:
        yield Finding(
            "warning", f"{now} records wait to be embedded, and that is catching up", "wait"
        )
        return
    yield Finding(
        "error",
        f"{now} records wait to be embedded, and none of them is",
        "see what `memos worker index` says of its model and of Milvus",
    )


def _set_aside(rows: SetAsideRows) -> Iterator[Finding]:
    for projection, by, found_by in (
        (INDEX, "the analysis of texts", "They are not found by their words"),
        (VECTORS, "the embedder", "They are found by their words alone"),
    ):
        aside = rows.of(projection)
        if aside:
            names = [f"memory {id_text(row.cube_id)} at {row.position}" for row in aside]
            yield set_aside_finding(names, by, found_by)


def lag(end: Cut, offsets: Mapping[int, int]) -> int:
    """How many records before a cut a projection has not taken."""
    return sum(max(size - offsets.get(partition, 0), 0) for partition, size in end.items())


def judge_lag(
    worker: str, end: Cut, before: Mapping[int, int], now: Mapping[int, int]
) -> Iterator[Finding]:
    """What it means that a worker was behind the end of the log, and where it is now: a partition
    that has stopped is told of, however well the others go on.
    """
    still = [
        partition
        for partition, size in sorted(end.items())
        if before.get(partition, 0) < size and now.get(partition, 0) <= before.get(partition, 0)
    ]
    if still:
        where = ", ".join(f"partition {p} at {now.get(p, 0)} of {end[p]}" for p in still)
        behind = sum(end[partition] - now.get(partition, 0) for partition in still)
        yield Finding(
            "error",
            f"the worker {worker} is {behind} records behind and does not move: {where}",
            f"see that `memos worker {worker}` runs, and what it says; {page('operations.md')} says "
            "what to do about a partition that stopped",
        )
    moving = lag({p: size for p, size in end.items() if p not in still}, now)
    if moving:
        yield Finding(
            "warning",
            f"the worker {worker} is {moving} records behind, and catching up",
            "wait; where it stays behind, run more of them, up to the partitions",
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
