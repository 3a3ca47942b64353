"""Reading an embedded vault: log, vault, index and bodies as one SQLite connection sees them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import apsw

from memos.infrastructure.engine.reader import Reader, has_no_key
from memos.infrastructure.governance.usage.sqlite import (
    access_size,
    accesses_holding,
    usage_of,
    usage_until,
)
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.index.port import Ints, Order, Piece, View, Within, paths_of
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.keys.sqlite.cube_keys import SqliteCubeKeys
from memos.infrastructure.log.ancestry import MIGRATED_CUTS, cuts_in
from memos.infrastructure.log.sqlite import PARTITION, log_size, offset_at, read_record
from memos.infrastructure.sqlite.connections import open_connection
from memos.infrastructure.sqlite.statements import row, rows
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.kernel.errors import Damaged, Unreadable
from memos.kernel.event import Position, Undecodable, decode, id_text
from memos.kernel.moment import At, Moment
from memos.wire.access_pb2 import AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event


class EmbeddedReader:
    """See `engine.reader.Reader`. `view` opens the index at a scope and a moment."""

    def __init__(
        self,
        connection: apsw.Connection,
        keys: SqliteCubeKeys,
        view: Callable[[Within, At | None], View],
    ) -> None:
        self.connection = connection
        self.vault = SqliteVault(connection)
        self._keys = keys
        self._view = view

    def event(self, position: Position) -> Event:
        record = read_record(self.connection, position.offset)
        if record is None:
            raise Damaged(f"the log has no record at {position}: run `memos verify`")
        try:
            return decode(record.data)
        except Undecodable as error:
            raise Damaged(
                f"the record at {position} is damaged ({error}): run `memos verify`"
            ) from None

    def origin_of(self, position: Position) -> str:
        sql = "SELECT origin FROM migrated WHERE offset = ?"
        stored = row(self.connection, sql, (position.offset,))
        return "" if stored is None else str(stored[0])

    def body(self, cube_id: bytes, version: int, at: Position | None = None) -> Body | None:
        if version == 0:
            return Body()
        key = self.cube_key(cube_id)
        if key is None:
            return None
        if at is None:
            offset = self.vault.version_offset(cube_id, version)
            if offset is None:
                raise Damaged(
                    f"nothing says which record made version {version} of cube {id_text(cube_id)}: "
                    "run `memos rebuild`"
                )
            at = Position(PARTITION, offset)
        event = self.event(at)
        try:
            return open_body(key, event) if event.HasField("body") else Body()
        except Unreadable as error:
            raise Unreadable(f"the record at {at} cannot be read: {error}") from None
        except Damaged as error:
            raise Damaged(f"the record at {at} does not open: {error}") from None

    def cube_key(self, cube_id: bytes) -> bytes | None:
        key = self._keys.key(self.connection, cube_id)
        if key is None and not self._has_no_key(cube_id):
            raise self._keys.missing(self.connection, cube_id)
        return key

    def _has_no_key(self, cube_id: bytes) -> bool:
        """Whether the log says that there is no key: an erase was begun, or it is no memory."""
        if has_no_key(self.vault.head(cube_id)):
            return True
        # This may be an earlier moment than that of an erase which has ended since.
        path, read_only = Path(self.connection.filename), self.connection.readonly("main")
        with closing(open_connection(path, read_only=read_only)) as newest:
            return has_no_key(SqliteVault(newest).head(cube_id))

    def usage(self, cube_id: bytes) -> Usage:
        return usage_of(self.connection, cube_id)

    def usage_until(self, cube_id: bytes, time: int) -> Usage:
        return usage_until(self.connection, cube_id, time)

    def accesses(self, holding: bytes = b"") -> Iterator[AccessEvent]:
        return accesses_holding(self.connection, holding)

    def access_size(self) -> int:
        return access_size(self.connection)

    def created(self, cube_id: bytes) -> int:
        sql = "SELECT log_time FROM attempt WHERE cube_id = ? AND result = 1 ORDER BY position"
        stored = row(self.connection, sql, (cube_id,))
        return 0 if stored is None else int(stored[0])

    def read_histories_ahead(self, cube_ids: Sequence[bytes]) -> None:
        """Nobody is asked: they are here."""

    def read_ahead(self, cube_ids: Sequence[bytes], at: At) -> None:
        """What is in a file is read when it is asked for."""

    def view(self, within: Within, at: At | None = None) -> View:
        return self._view(within, at)

    def pieces(self, within: Within, order: Order, behind: int | None = None) -> Iterator[Piece]:
        from memos.infrastructure.index.sqlite.pieces import pieces

        return pieces(self.connection, paths_of(within), order, behind)

    def rows_of(self, view: View, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
        from memos.infrastructure.index.sqlite import lookup

        return lookup.rows_of(self.connection, view, cube_ids)

    def matched_terms(self, view: View) -> dict[int, Ints]:
        from memos.infrastructure.index.sqlite import lookup

        return lookup.matched_terms(self.connection, view)

    def moment_of(self, position: Position) -> Moment | None:
        if position.partition != PARTITION or position.offset >= log_size(self.connection):
            return None
        record = read_record(self.connection, position.offset)
        return None if record is None else Moment(position.offset, record.log_time)

    def moment_at(self, log_time: int) -> Moment:
        return self._behind(offset_at(self.connection, log_time))

    def moment_of_cut(self, name: str) -> Moment | None:
        size = self._migrated_cuts().get(name, self.vault.cut_size(name))
        return None if size is None else self._behind(size)

    def cuts(self) -> dict[str, int]:
        sizes = dict(rows(self.connection, "SELECT name, size FROM cut")) | self._migrated_cuts()
        return dict(sorted(sizes.items(), key=lambda cut: (cut[1], cut[0])))

    def folded_until(self) -> int | None:
        return None  # a record is folded in the transaction that appends it

    def _migrated_cuts(self) -> dict[str, int]:
        """Cuts of the log before this one, whose events tell of positions there."""
        sql = "SELECT value FROM setting WHERE name = ?"
        stored = row(self.connection, sql, (MIGRATED_CUTS,))
        cuts = cuts_in("" if stored is None else stored[0])
        return {name: cut[PARTITION] for name, cut in cuts.items()}

    def _behind(self, size: int) -> Moment:
        """Just after the first `size` records."""
        record = read_record(self.connection, size - 1)
        return Moment(-1, 0) if record is None else Moment(size - 1, record.log_time)


def connection_of(reader: Reader) -> apsw.Connection:
    """The connection of a reading of an embedded vault.

    Raises:
        TypeError: it is of another engine.
    """
    if not isinstance(reader, EmbeddedReader):
        raise TypeError(f"{type(reader).__name__} is not of an embedded vault")
    return reader.connection
