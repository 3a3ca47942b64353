"""The index worker: from what the fold made of records to what search runs on.

It follows the same topic as the fold and never folds: it waits until the fold is past a batch, and
reads what became of each record.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from functools import partial

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.distributed.checkpoint_watch import CheckpointWatch
from memos.infrastructure.engine.distributed.workers.bodies import open_readable
from memos.infrastructure.engine.distributed.workers.fold import mark_of
from memos.infrastructure.engine.distributed.workers.late_derivations import late_cubes
from memos.infrastructure.engine.distributed.workers.port import Behind, Mark
from memos.infrastructure.engine.distributed.workers.prior_states import PriorStates
from memos.infrastructure.engine.kept_keys import TenantKeys
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.index.cassandra.rows import (
    PROJECTION,
    ErasedCube,
    IndexedAt,
    SpanTable,
)
from memos.infrastructure.index.projection import (
    UNREADABLE,
    concerns_index,
    index_change,
)
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.release import RELEASE
from memos.infrastructure.vault.cassandra.set_aside import SetAside, SetAsideRows
from memos.infrastructure.vault.cassandra.stored import Stored, stored_from
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.infrastructure.vault.folded import Folded
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import NO_MEMORY, CubeState
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, Position, Record, id_text
from memos.kernel.scope import tenant_of
from memos.language.analysis import analyse
from memos.language.indexed_text import IndexedText

log = logging.getLogger("memos.worker")

BATCH = 500
FOLD_SECONDS = 20.0


class IndexWorker:
    """See `port.Worker`. Keeps the rows of the lexical index; vectors follow behind."""

    name = PROJECTION

    def __init__(
        self,
        events: KafkaLog,
        vault: CassandraVault,
        writer: CassandraVaultWriter,
        spans: SpanTable,
        keys: TenantKeys,
        cube_keys: CassandraCubeKeys,
        usage: UsageRows,
        set_aside: SetAsideRows,
    ) -> None:
        self._events = events
        self._vault = vault
        self._writer = writer
        self._spans = spans
        self._keys = keys
        self._cube_keys = cube_keys
        self._usage = usage
        self._set_aside = set_aside
        self._folded = CheckpointWatch(lambda: vault)
        self._marks: dict[int, Mark] = {}
        self._prior: dict[int, PriorStates] = {}
        self._late: set[bytes] = set()
        self.unreadable: list[Position] = []
        """Records whose sealed body did not open: folded, but not found by a search."""

    @property
    def topic(self) -> str:
        return self._events.topic

    @property
    def partitions(self) -> list[int]:
        """The partitions that this worker was given."""
        return sorted(self._marks)

    def assigned(self, partition: int) -> int:
        mark = mark_of(self._vault, PROJECTION, partition)
        self._prior[partition] = PriorStates(self._vault)
        self._try_again(partition)
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

    def _try_again(self, partition: int) -> None:
        """Index anew what another release set aside."""
        aside = [
            row
            for row in self._set_aside.of(PROJECTION)
            if row.position.partition == partition and row.release != RELEASE
        ]
        for rows in batched(aside, BATCH):
            records = self._vault.at_positions([row.position for row in rows])
            ordered = sorted(records.values(), key=lambda stored: stored.attempt.ordinal)
            self._spans.write(partition, self.changes(partition, ordered))
            tried = {
                row.ordinal for row in self._set_aside.of(PROJECTION) if row.release == RELEASE
            }
            self._set_aside.take_back(PROJECTION, [row for row in rows if row.ordinal not in tried])

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
        looks = self._folded.until_passed({FOLD: {partition: end}}, FOLD_SECONDS)
        if looks:
            at = looks[-1][FOLD].get(partition, 0)
            raise Behind(
                f"the fold of partition {partition} is at {at}, before {end}: is `memos worker "
                "fold` running?"
            )

    def _changes(self, prior: PriorStates, memories: Sequence[Stored]) -> list[IndexedAt]:
        self._late |= late_cubes(self._vault, self._events, memories)
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
        # Who wrote the event had the tenant's key: none is made in the place of a lost one.
        tenant_key = self._keys.tenant_key(tenant_of(after.scope), create=False)
        try:
            readable = open_readable(self._vault, stored, after, cube_key)
        except Damaged:
            self.unreadable.append(stored.attempt.position)
            return UNREADABLE
        try:
            return analyse(tenant_key, readable)
        except MemoryError:
            raise
        except Exception as error:  # noqa: BLE001 - a pure function: it fails for this text always
            self._keep_aside(stored, error)
            return UNREADABLE

    def _keep_aside(self, stored: Stored, error: Exception) -> None:
        at, cause = stored.attempt, type(error).__name__
        row = SetAside(at.cube_id, at.ordinal, at.position, b"", RELEASE, cause)
        self._set_aside.keep(PROJECTION, [row])
        log.error(
            "memory %s at %s is set aside: its text cannot be analysed (%s)",
            *(id_text(at.cube_id), at.position, cause),
        )

    def _purge(self, erased: Sequence[Attempt]) -> None:
        """What an eraser that crashed left, and what a fold from the log's begin brought back."""
        if not erased:
            return
        self._spans.purge(
            [
                ErasedCube(attempt.cube_id, tenant_of(attempt.scope), attempt.ordinal)
                for attempt in erased
            ]
        )
        cube_ids = [attempt.cube_id for attempt in erased]
        self._usage.forget(cube_ids)
        self._set_aside.forget(cube_ids)
        self._cube_keys.destroy(cube_ids)


def concerns_search(attempt: Attempt) -> bool:
    """Whether a record changed a memory that search can find."""
    return concerns_index(attempt.outcome.result, attempt.state)


def is_erasure(attempt: Attempt) -> bool:
    """Whether a record ended a cube for good; the operation that asked for it is another record."""
    state = attempt.state
    return attempt.kind is Kind.ERASED and state is not None and state.form not in NO_MEMORY
