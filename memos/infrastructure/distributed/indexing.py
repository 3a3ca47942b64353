"""The index worker: from what the fold made of records to what search runs on.

It follows the same topic as the fold and never folds: it waits until the fold is past a batch, and
reads what became of each record.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence

from memos.infrastructure.distributed import folding
from memos.infrastructure.distributed.folding import mark_of
from memos.infrastructure.distributed.worker import Mark
from memos.infrastructure.index.change import (
    Analyse,
    changes_span,
    changes_text,
    readable,
    span_change,
)
from memos.infrastructure.index.port import IndexedText, SpanChange
from memos.infrastructure.index.tenant.rows import PROJECTION, IndexedAt, SpanTable
from memos.infrastructure.keys.cassandra_cube_keys import CassandraCubeKeys
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.vault.cassandra.reading import CassandraVault
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.writing import VaultWriter
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState, Form
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.event import Kind, Position, Record, decode
from memos.kernel.fold import Result
from memos.wire.body_pb2 import Body

FOLD_SECONDS = 20.0
POLL_SECONDS = 0.004
KEPT_STATES = 50_000

_NOTHING = IndexedText({}, 0)


class Behind(VaultError):
    """The fold has not yet come past these records."""


class IndexWorker:
    """See `worker.Worker`. Keeps the rows of the lexical index; vectors follow behind."""

    name = PROJECTION

    def __init__(
        self,
        topic: str,
        vault: CassandraVault,
        writer: VaultWriter,
        spans: SpanTable,
        keys: KeyVault,
        cube_keys: CassandraCubeKeys,
        analyse: Analyse,
    ) -> None:
        self._topic = topic
        self._vault = vault
        self._writer = writer
        self._spans = spans
        self._keys = keys
        self._cube_keys = cube_keys
        self._analyse = analyse
        self._marks: dict[int, Mark] = {}
        self._states: OrderedDict[bytes, CubeState] = OrderedDict()
        self.unreadable: list[Position] = []
        """Records whose sealed body did not open: folded, but not found by a search."""

    @property
    def topic(self) -> str:
        return self._topic

    def assigned(self, partition: int) -> int:
        mark = mark_of(self._vault, PROJECTION, partition)
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
        memories = [
            stored
            for stored in self._vault.folded(partition, start, mark.offset)
            if _concerns_search(stored.attempt)
        ]
        self._spans.write(partition, self._changes(memories))
        self._purge([stored.attempt for stored in memories])
        self._writer.write_checkpoint(PROJECTION, partition, *mark)
        self._marks[partition] = mark

    def _await_fold(self, partition: int, end: int) -> None:
        until = time.monotonic() + FOLD_SECONDS
        while True:
            at = mark_of(self._vault, folding.PROJECTION, partition).offset
            if at >= end:
                return
            if time.monotonic() > until:
                raise Behind(
                    f"the fold of partition {partition} is at {at}, before {end}: is `memos worker "
                    "fold` running?"
                )
            time.sleep(POLL_SECONDS)

    def _changes(self, memories: Sequence[Stored]) -> list[IndexedAt]:
        keys = self._cube_keys.keys({stored.attempt.cube_id for stored in memories})
        changes = []
        for stored in memories:
            attempt, state = stored.attempt, stored.attempt.state
            assert state is not None  # noqa: S101 - it was accepted
            before = self._before(attempt, state)
            self._remember(state)
            change = self._change(stored, state, before, keys.get(attempt.cube_id))
            if change is not None:
                changes.append(IndexedAt(attempt.position.offset, change))
        return changes

    def _change(
        self, stored: Stored, after: CubeState, before: CubeState | None, key: bytes | None
    ) -> SpanChange | None:
        """What a record changes for search; None where it is nothing."""
        ordinal = stored.attempt.ordinal
        if stored.attempt.kind is Kind.ERASED:
            return span_change(ordinal, before, after, None)
        if key is None:
            return None  # erased since: its text is gone, and a later record ends its rows
        if before is not None and not changes_text(before, after):
            same = not changes_span(before, after)
            return None if same else span_change(ordinal, before, after, None)
        try:
            text = self._text(stored, after, key)
        except Damaged:
            self.unreadable.append(stored.attempt.position)
            text = _NOTHING
        return span_change(ordinal, before, after, text)

    def _text(self, stored: Stored, after: CubeState, key: bytes) -> IndexedText:
        opened: dict[int, tuple[Body, int]] = {0: (Body(), 0)}
        for version in set(after.parts) - {0}:
            if version == after.version:
                opened[version] = open_body(key, stored.event), stored.attempt.log_time
            else:
                opened[version] = self._earlier(after.cube_id, version, key)
        parts = (opened[version][0] for version in after.parts)
        memory = readable(*parts, learned=opened[after.parts.content][1])
        tenant = after.scope.partition("/")[0]
        return self._analyse(self._keys.tenant_keys(tenant)[0], memory)

    def _earlier(self, cube_id: bytes, version: int, key: bytes) -> tuple[Body, int]:
        record = self._vault.event(cube_id, version)
        if record is None:
            return Body(), 0
        event = decode(record.data)
        return open_body(key, event) if event.HasField("body") else Body(), record.log_time

    def _before(self, attempt: Attempt, after: CubeState) -> CubeState | None:
        """The cube before an accepted record."""
        if after.sequence == 1:
            return None
        seen = self._states.get(attempt.cube_id)
        if seen is not None and seen.sequence == after.sequence - 1:
            return seen
        earlier = self._vault.state_at(attempt.cube_id, attempt.ordinal - 1)
        return None if earlier is None else earlier.state

    def _remember(self, state: CubeState) -> None:
        self._states[state.cube_id] = state
        self._states.move_to_end(state.cube_id)
        if len(self._states) > KEPT_STATES:
            self._states.popitem(last=False)

    def _purge(self, attempts: Iterable[Attempt]) -> None:
        """What an eraser that crashed left: harmless where it was done."""
        erased = [each for each in attempts if each.kind is Kind.ERASED]
        for attempt in erased:
            tenant = attempt.scope.partition("/")[0]
            self._spans.purge(attempt.cube_id, tenant, attempt.ordinal)
        if erased:
            self._cube_keys.destroy([attempt.cube_id for attempt in erased])


def _concerns_search(attempt: Attempt) -> bool:
    state = attempt.state
    if state is None or attempt.outcome.result is not Result.ACCEPTED:
        return False
    return state.form is Form.PLAINTEXT
