"""Up to where a generation's projections are, and which of its rows lie before that.

What lies behind is being written, or was when a worker crashed: it is written again, and nobody can
say yet what it has to be.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.seal import PROJECTION as SEAL
from memos.infrastructure.engine.distributed.workers.usage import PROJECTION as USAGE
from memos.infrastructure.index.cassandra.rows import PROJECTION as INDEX
from memos.infrastructure.log.port import Cut
from memos.infrastructure.reports import Problem
from memos.infrastructure.vault.cassandra.comparison import Stored
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.moment import NEWEST, partition_of

_PLACES = ("position", "access_partition", "size", "partition", "offset", "ordinal")
_NONE = (0, -1, 0)
"""The mark of a projection that has taken nothing."""


class Ends(NamedTuple):
    """Offsets by partition: of events folded and indexed, of events sealed, of accesses counted; where
    the two logs end; and by partition the ordinal of the last event that was folded and indexed.
    """

    events: Cut
    sealed: Cut
    accesses: Cut
    log: Cut
    access_log: Cut
    ordinals: Mapping[int, int]


def ends_of(stores: Stores, live: Generation) -> Ends:
    """Where the projections of a generation are now."""
    vault, log, access_log = live.vault, stores.logs.events.end(), stores.logs.access.end()
    folded, indexed = vault.checkpoints(FOLD), vault.checkpoints(INDEX)
    sealed, used = vault.checkpoints(SEAL), vault.checkpoints(USAGE)
    marks = {p: min(folded.get(p, _NONE), indexed.get(p, _NONE)) for p in log}
    return Ends(
        {partition: mark[0] for partition, mark in marks.items()},
        {partition: sealed.get(partition, _NONE)[0] for partition in log},
        {partition: used.get(partition, _NONE)[0] for partition in access_log},
        log,
        access_log,
        {partition: mark[1] for partition, mark in marks.items()},
    )


def is_settled(table: str, row: Stored, ends: Ends) -> bool:
    """Whether a row tells of what lies before the ends, or of what lies nowhere in the log; as far as
    it says so itself.
    """
    if any(row.get(name, 0) is None for name in _PLACES):
        return True  # no worker writes such a row
    if table == "usage":
        return not _waits(row["position"], row["access_partition"], ends.accesses, ends.access_log)
    if table == "frontier":
        return not _waits(row["size"] - 1, row["partition"], ends.sealed, ends.log)
    if "offset" in row:
        return not _waits(row["offset"], row["partition"], ends.events, ends.log)
    if "ordinal" in row:
        return bool(row["ordinal"] <= ends.ordinals.get(partition_of(row["ordinal"]), NEWEST))
    return True


def _waits(offset: int, partition: int, reached: Cut, end: Cut) -> bool:
    return reached.get(partition, 0) <= offset < end.get(partition, 0)


def unmarked(stores: Stores, live: Generation) -> Iterator[Problem]:
    """Checkpoints that lie past the log's end, and projections that have rows and no checkpoint."""
    vault, logs = live.vault, stores.logs
    for projection, log in ((FOLD, logs.events), (INDEX, logs.events), (SEAL, logs.events),
                            (USAGE, logs.access)):  # fmt: skip
        end = log.end()
        marks = vault.checkpoints(projection)
        for partition, (offset, _, _) in sorted(marks.items()):
            if offset > end.get(partition, 0):
                yield Problem(
                    f"checkpoint of {projection}, partition {partition}",
                    f"it is at {offset}, and the log ends at {end.get(partition, 0)}: run "
                    "`memos rebuild`",
                )
        unmarked_here = sorted(end.keys() - marks.keys())
        held = _partitions_held(stores, live, projection) if unmarked_here else frozenset[int]()
        for partition in held.intersection(unmarked_here):
            yield Problem(
                f"checkpoint of {projection}, partition {partition}",
                "it is missing, and the projection has rows: run `memos rebuild`",
            )


def _partitions_held(stores: Stores, live: Generation, projection: str) -> frozenset[int]:
    """The partitions of which a projection has rows."""
    column, table = {
        FOLD: ("DISTINCT partition, bucket", "record"),
        INDEX: ("DISTINCT partition, tenant, hour", "span"),
        SEAL: ("partition", "frontier"),
        USAGE: ("access_partition", "usage"),
    }[projection]
    rows = stores.cassandra.stream(f"SELECT {column} FROM {live.writer.keyspace}.{table}")
    return frozenset(row[0] for row in rows)
