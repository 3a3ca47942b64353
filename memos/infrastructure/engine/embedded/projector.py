"""What one folded record does to every projection. Live writing and a rebuild share it."""

from __future__ import annotations

from collections.abc import Callable

import apsw

from memos.infrastructure.engine.commit import Purged
from memos.infrastructure.engine.kept_keys import TenantKeys
from memos.infrastructure.index.port import Index, SpanChange
from memos.infrastructure.index.projection import (
    NO_BODY,
    UNREADABLE,
    OpenedBody,
    concerns_index,
    index_change,
    readable_of,
)
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.sqlite.cube_keys import SqliteCubeKeys
from memos.infrastructure.log.sqlite import read_record
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter
from memos.kernel.cube import CubeState
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.event import Kind, Position, Undecodable, decode, id_text
from memos.kernel.outcome import Outcome, Result
from memos.language.indexed_text import IndexedText, Readable
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event


class Projector:
    """Collects what folded records change; `flush` writes it in the open transaction."""

    def __init__(
        self,
        writer: apsw.Connection,
        vault: SqliteVaultWriter,
        index: Index,
        keys: SqliteCubeKeys,
        tenant_keys: TenantKeys,
        settle: Callable[[], None],
        check_wanted: Callable[[], None],
    ) -> None:
        self._check_wanted = check_wanted
        self._settle = settle
        self._writer = writer
        self._vault = vault
        self._index = index
        self._keys = keys
        self._tenant_keys = tenant_keys
        self._changes: list[SpanChange] = []
        self._erased: list[bytes] = []
        self.purged = Purged(0, 0, 0, 0, 0)
        self.unreadable: list[Position] | None = None
        """Where a rebuild collects the records whose body does not open."""
        self.keyless: dict[bytes, Position] = {}
        """Of a rebuild: cubes without a key, most of them erased later, and their first record."""

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
        self._check_wanted()
        self._vault.write(position, log_time, event, after, outcome)
        if after is None or outcome.result is not Result.ACCEPTED:
            return
        if event.kind == Kind.ERASED:
            self._erased.append(event.cube_id)
        elif concerns_index(outcome.result, after):
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
        def text(cube_key: bytes) -> IndexedText:
            # Who wrote the event had the tenant's key: a fold makes none in the place of a lost one.
            tenant_key = self._tenant_keys.tenant_key(event.tenant, create=False)
            try:
                readable = self._text(log_time, event, after, body, cube_key)
            except Damaged:  # its own memory is not found by it; all else goes on
                if self.unreadable is not None:
                    self.unreadable.append(position)
                return UNREADABLE
            return _analysed(tenant_key, readable, event.cube_id, position)

        try:
            cube_key = self._keys.key(self._writer, after.cube_id)
        except Damaged:
            if self.unreadable is None:
                raise
            self.unreadable.append(position)
            cube_key = None
        else:
            if cube_key is None and self.unreadable is not None:
                self.keyless.setdefault(after.cube_id, position)
        change = index_change(position.offset, event.kind, before, after, cube_key, text)
        if change is not None:
            self._changes.append(change)

    def _text(
        self, log_time: int, event: Event, after: CubeState, body: Body | None, cube_key: bytes
    ) -> Readable:
        def open_version(version: int) -> OpenedBody:
            if version != after.version:
                return self._earlier(after.cube_id, version, cube_key)
            return OpenedBody(open_body(cube_key, event) if body is None else body, log_time)

        return readable_of(after.parts, open_version)

    def _earlier(self, cube_id: bytes, version: int, cube_key: bytes) -> OpenedBody:
        """The body of an earlier version of the cube."""
        reader = SqliteVault(self._writer)
        offset = reader.version_offset(cube_id, version)
        if offset is None:  # folded in this transaction, but not yet written
            self._settle()
            offset = reader.version_offset(cube_id, version)
        record = None if offset is None else read_record(self._writer, offset)
        if record is None:
            return NO_BODY
        try:
            event = decode(record.data)
        except Undecodable as error:
            raise Damaged(
                f"the record at {record.position} is damaged ({error}): run `memos verify`"
            ) from None
        return OpenedBody(open_body(cube_key, event), record.log_time)


def _analysed(
    tenant_key: bytes, readable: Readable, cube_id: bytes, position: Position
) -> IndexedText:
    try:
        from memos.language.analysis import analyse  # whoever only reads starts without it

        return analyse(tenant_key, readable)
    except MemoryError:
        raise
    except Exception as error:
        raise VaultError(
            f"the text of memory {id_text(cube_id)}, record {position}, cannot be analysed "
            f"({type(error).__name__}): nothing was written; this is a fault of this release, which "
            "the one before or a later one may not have"
        ) from error
