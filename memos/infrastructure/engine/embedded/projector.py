"""What one folded record does to every projection. Live writing and a rebuild share it."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from memos.infrastructure.engine.commit import Purged
from memos.infrastructure.index.port import Index, IndexedText, SpanChange
from memos.infrastructure.index.projection import (
    Analyse,
    changes_span,
    changes_text,
    readable,
    span_change,
)
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.sqlite.cube_keys import CubeKeys
from memos.infrastructure.keys.sqlite.key_store import KeyStore
from memos.infrastructure.log.sqlite import read_record
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.cube import CubeState, Form
from memos.kernel.errors import Damaged
from memos.kernel.event import Kind, Position, decode
from memos.kernel.fold import Outcome, Result
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

_NOTHING = IndexedText({}, 0)


class Projector:
    """Collects what folded records change; `flush` writes it in the open transaction."""

    def __init__(
        self,
        writer: apsw.Connection,
        vault: SqliteVaultWriter,
        index: Index,
        keys: CubeKeys,
        store: KeyStore,
        analyse: Analyse,
        settle: Callable[[], None],
    ) -> None:
        self._settle = settle
        self._writer = writer
        self._vault = vault
        self._index = index
        self._keys = keys
        self._store = store
        self._analyse = analyse
        self._changes: list[SpanChange] = []
        self._erased: list[bytes] = []
        self.purged = Purged(0, 0, 0, 0, 0)
        self.unreadable: list[Position] | None = None
        """Where a rebuild collects records whose body does not open; None raises instead."""

    def begin(self) -> None:
        """Start a transaction with nothing collected."""
        self._changes, self._erased, self.purged = [], [], Purged(0, 0, 0, 0, 0)
        self._vault.begin()

    def project(
        self,
        position: Position,
        log_time: int,
        event: Event,
        before: CubeState | None,
        after: CubeState | None,
        outcome: Outcome,
        body: Body | None = None,
    ) -> None:
        """Take one folded record. `body` spares opening the event's own sealed body again."""
        self._vault.write(position, log_time, event, after, outcome)
        if after is None or outcome.result is not Result.ACCEPTED:
            return
        if event.kind == Kind.ERASED:
            self._erased.append(event.cube_id)
        elif after.form is Form.PLAINTEXT:
            self._change_index(position, log_time, event, before, after, body)

    def flush(self, size: int) -> None:
        """Write what was collected; `size` records are then folded."""
        self._vault.flush(size)
        if self._changes:
            self._index.apply(self._changes)
            self._changes = []
        if self._erased:
            purged = self._index.purge(self._erased)
            keys = self._keys.destroy(self._erased)
            self.purged = Purged(keys, *purged)
            self._erased = []

    def _change_index(
        self,
        position: Position,
        log_time: int,
        event: Event,
        before: CubeState | None,
        after: CubeState,
        body: Body | None,
    ) -> None:
        key = self._keys.key(self._writer, after.cube_id)
        if key is None:
            return  # erased since: its text is gone and its row with it
        text = None
        if before is None or changes_text(before, after):
            try:
                text = self._text(log_time, event, after, body, key)
            except Damaged:
                if self.unreadable is None:
                    raise
                self.unreadable.append(position)
                text = _NOTHING
        elif not changes_span(before, after):
            return
        self._changes.append(span_change(position.offset, before, after, text))

    def _text(
        self, log_time: int, event: Event, after: CubeState, body: Body | None, key: bytes
    ) -> IndexedText:
        opened: dict[int, tuple[Body, int]] = {}
        if after.version in after.parts:
            own = body if body is not None else open_body(key, event)
            opened[after.version] = own, log_time
        for version in after.parts:
            if version not in opened:
                opened[version] = self._earlier(after.cube_id, version, key)
        parts = (opened[version][0] for version in after.parts)
        memory = readable(*parts, learned=opened[after.parts.content][1])
        return self._analyse(self._store.tenant_keys(event.tenant)[0], memory)

    def _earlier(self, cube_id: bytes, version: int, key: bytes) -> tuple[Body, int]:
        """The body of an earlier version of the cube, and the log time of it."""
        if version == 0:
            return Body(), 0
        reader = SqliteVault(self._writer)
        offset = reader.version_offset(cube_id, version)
        if offset is None:  # folded in this transaction, but not yet written
            self._settle()
            offset = reader.version_offset(cube_id, version)
        record = None if offset is None else read_record(self._writer, offset)
        if record is None:
            return Body(), 0
        return open_body(key, decode(record.data)), record.log_time
