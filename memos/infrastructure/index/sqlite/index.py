"""The embedded index: tables in the vault's own SQLite file, read through cached snapshots."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import TYPE_CHECKING

import apsw

from memos.infrastructure.index.port import Index, PurgeReport, SpanChange, Within, paths_of
from memos.infrastructure.index.sqlite import writer
from memos.kernel.moment import At, plain

if TYPE_CHECKING:  # whoever searches needs the arrays
    from memos.infrastructure.index.sqlite.snapshot import IndexState, ScopeSnapshot
    from memos.infrastructure.index.sqlite.view import SqliteView

CACHE_BYTES = 256 * 2**20
"""About 100 bytes a text of a searched scope, and 18 more a term of a text not yet in a block."""


class SqliteIndex(Index):
    """See `port.Index`; `tables.create_tables` makes the tables.

    Args:
        connection: the writer's connection, used by `apply`, `purge` and `clear` inside the
            transaction that the caller opened on it. No state is kept between calls, so rolling
            back needs no word here, and several processes may write in turn.
        reader: gives a connection for reading to a caller of `view`; it must see committed data only.
        cache_bytes: bound on the snapshots kept between searches; the latest one always stays.
    """

    def __init__(
        self,
        connection: apsw.Connection,
        reader: Callable[[], apsw.Connection],
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._connection = connection
        self._reader = reader
        self._cache_bytes = cache_bytes
        self._lock = Lock()
        # least recently used first
        self._snapshots: OrderedDict[tuple[str, ...], ScopeSnapshot] = OrderedDict()
        self._held = 0  # bytes

    def apply(self, changes: Sequence[SpanChange]) -> None:
        writer.apply(self._connection, changes)

    def purge(self, cube_ids: Iterable[bytes]) -> PurgeReport:
        return writer.purge(self._connection, cube_ids)

    def clear(self) -> None:
        writer.clear(self._connection)

    def view(self, within: Within, at: At | None = None) -> SqliteView:
        return self.view_on(self._reader(), within, at)

    def view_on(
        self, connection: apsw.Connection, within: Within, at: At | None = None
    ) -> SqliteView:
        """See `view`: what a connection sees, which must be committed data only. A caller who opens
        a transaction on it sees one state in the view, its postings and its own reads.
        """
        from memos.infrastructure.index.spans import Spans
        from memos.infrastructure.index.sqlite.view import SqliteView

        with connection:
            current, state = self._snapshot(connection, paths_of(within))
        offset = state.applied if at is None else min(plain(at), state.applied)
        newest = offset == current.state.applied
        rows = Spans._make(current.shown.columns) if newest else current.spans.active(offset)
        return SqliteView(connection, current, rows, offset)

    def _snapshot(
        self, connection: apsw.Connection, scopes: tuple[str, ...]
    ) -> tuple[ScopeSnapshot, IndexState]:
        """The scopes' snapshot, good for what this connection sees, and what it sees."""
        from memos.infrastructure.index.sqlite import snapshot

        with self._lock:
            cached = self._snapshots.get(scopes)
            if cached is not None:
                self._snapshots.move_to_end(scopes)
        state = snapshot.index_state(connection)
        if cached is None or snapshot.is_void(connection, cached):
            latest = snapshot.load(connection, scopes)
        elif cached.state > state:
            # The connection is in a transaction older than what another thread has cached.
            return snapshot.load(connection, scopes), state
        else:
            latest = snapshot.refresh(connection, cached)
        if latest is not cached:
            self._keep(latest)
        return latest, state

    def _keep(self, latest: ScopeSnapshot) -> None:
        with self._lock:
            kept = self._snapshots.pop(latest.scopes, None)
            if kept is not None and kept.state > latest.state:
                latest = kept  # another thread was faster
            elif kept is not None:
                self._held += latest.nbytes - kept.nbytes
            else:
                self._held += latest.nbytes
            self._snapshots[latest.scopes] = latest
            while self._held > self._cache_bytes and len(self._snapshots) > 1:
                _, dropped = self._snapshots.popitem(last=False)
                self._held -= dropped.nbytes
