"""The index worker: from what the fold made of records to what search runs on.

It follows the same topic as the fold and never folds: it waits until the fold is past a batch, and
reads what became of each record.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Protocol

from memos.infrastructure.engine.distributed.workers.bodies import open_readable
from memos.infrastructure.engine.distributed.workers.fold import mark_of
from memos.infrastructure.engine.distributed.workers.late_derivations import late_cubes
from memos.infrastructure.engine.distributed.workers.port import Behind, Mark
from memos.infrastructure.engine.distributed.workers.prior_states import PriorStates
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.index.cassandra.rows import PROJECTION, IndexedAt, SpanTable
from memos.infrastructure.index.projection import (
    UNREADABLE,
    concerns_index,
    index_change,
)
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.vault.cassandra.stored import Stored, stored_from
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.infrastructure.vault.folded import Folded
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import NO_MEMORY, CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, Position, Record
from memos.kernel.scope import tenant_of
from memos.language.analysis import analyse
from memos.language.indexed_text import IndexedText

FOLD_SECONDS = 20.0
POLL_SECONDS = 0.004


class TenantKeys(Protocol):
    """Who gives out tenants' own keys."""

    def tenant_key(self, tenant: str) -> bytes: ...


class IndexWorker:
    """See `port.Worker`. Keeps the rows of the lexical index; vectors follow behind."""

    name = PROJECTION

    def __init__(
        self,
        topic: str,
        vault: CassandraVault,
        writer: CassandraVaultWriter,
        spans: SpanTable,
        keys: TenantKeys,
        cube_keys: CassandraCubeKeys,
        usage: UsageRows,
    ) -> None:
        self._topic = topic
        self._vault = vault
        self._writer = writer
        self._spans = spans
        self._keys = keys
        self._cube_keys = cube_keys
        self._usage = usage
        self._marks: dict[int, Mark] = {}
        self._prior: dict[int, PriorStates] = {}
        self._late: set[bytes] = set()
        self.unreadable: list[Position] = []
        """Records whose sealed body did not open: folded, but not found by a search."""

    @property
    def topic(self) -> str:
        return self._topic

    @property
    def partitions(self) -> list[int]:
        """The partitions that this worker was given."""
        return sorted(self._marks)

    def assigned(self, partition: int) -> int:
        mark = mark_of(self._vault, PROJECTION, partition)
        self._prior[partition] = PriorStates(self._vault)
        self._marks[partition] = mark
        return mark.offset

    def take(self, records: Sequence[Record]) -> None:
        if not records:
            return
        partition = records[0].position.partition
        if partition not in self._marks:
            self.assigned(partition)
        mark = self._marks[partition]
        start = mark.offset
        for record in records:
            if record.position.offset >= mark.offset:
                mark = mark.then(record)
        if mark.offset == start:
            return
        self._await_fold(partition, mark.offset)
        self._store(partition, self._vault.folded(partition, start, mark.offset), mark)

    def take_folded(self, partition: int, folded: Sequence[Folded], mark: Mark) -> None:
        """As `take`, by whoever has just folded every record of a stretch up to a mark."""
        if partition not in self._marks:
            self.assigned(partition)
        self._store(partition, filter(None, map(stored_from, folded)), mark)

    def changes(self, partition: int, records: Iterable[Stored]) -> list[IndexedAt]:
        """What records of a partition, in order, change for search."""
        return self._changes(
            self._prior[partition],
            [stored for stored in records if concerns_search(stored.attempt)],
        )

    def _store(self, partition: int, records: Iterable[Stored], mark: Mark) -> None:
        memories, erased = [], []
        for stored in records:
            if concerns_search(stored.attempt):
                memories.append(stored)
            if is_erasure(stored.attempt):
                erased.append(stored.attempt)
        self._spans.write(partition, self._changes(self._prior[partition], memories))
        self._purge(erased)
        self._writer.write_checkpoint(PROJECTION, partition, *mark)
        self._marks[partition] = mark

    def _await_fold(self, partition: int, end: int) -> None:
        until = time.monotonic() + FOLD_SECONDS
        while True:
            at = mark_of(self._vault, FOLD, partition).offset
            if at >= end:
                return
            if time.monotonic() > until:
                raise Behind(
                    f"the fold of partition {partition} is at {at}, before {end}: is `memos worker "
                    "fold` running?"
                )
            time.sleep(POLL_SECONDS)

    def _changes(self, prior: PriorStates, memories: Sequence[Stored]) -> list[IndexedAt]:
        self._late |= late_cubes(self._vault, memories)
        keys = self._cube_keys.opened({stored.attempt.cube_id for stored in memories})
        changes = []
        for stored in memories:
            if stored.attempt.cube_id in self._late and not is_erasure(stored.attempt):
                continue
            attempt, state = stored.attempt, stored.attempt.state
            assert state is not None  # noqa: S101 - it was accepted
            change = index_change(
                attempt.ordinal,
                attempt.kind,
                prior.before(attempt, state),
                state,
                keys.get(attempt.cube_id),
                partial(self._text, stored, state),
            )
            if change is not None:
                changes.append(IndexedAt(attempt.position.offset, change))
        return changes

    def _text(self, stored: Stored, after: CubeState, cube_key: bytes) -> IndexedText:
        try:
            memory = open_readable(self._vault, stored, after, cube_key)
            return analyse(self._keys.tenant_key(tenant_of(after.scope)), memory)
        except Damaged:
            self.unreadable.append(stored.attempt.position)
            return UNREADABLE

    def _purge(self, erased: Sequence[Attempt]) -> None:
        """What an eraser that crashed left, and what a fold from the log's begin brought back."""
        if not erased:
            return
        for attempt in erased:
            tenant = tenant_of(attempt.scope)
            self._spans.purge(attempt.cube_id, tenant, attempt.ordinal)
        cube_ids = [attempt.cube_id for attempt in erased]
        self._usage.forget(cube_ids)
        self._cube_keys.destroy(cube_ids)


def concerns_search(attempt: Attempt) -> bool:
    """Whether a record changed a memory that search can find."""
    return concerns_index(attempt.outcome.result, attempt.state)


def is_erasure(attempt: Attempt) -> bool:
    """Whether a record ended a cube for good; the operation that asked for it is another record."""
    state = attempt.state
    return attempt.kind is Kind.ERASED and state is not None and state.form not in NO_MEMORY
