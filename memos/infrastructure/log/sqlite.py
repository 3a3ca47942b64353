"""The log in SQLite: one partition, appended inside the vault's write transaction.

Leaf i of the log's Merkle tree is the record at offset i: its offset, log time and exact bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import apsw

from memos.infrastructure.clock import system_time
from memos.infrastructure.log.port import Cut, EventLog
from memos.infrastructure.sqlite.statements import PUT_BACK, row, rows
from memos.kernel.errors import Damaged, InvalidInput
from memos.kernel.event import Position, Record
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier, TiledNodes, TileRoot
from memos.kernel.moment import OPEN

PARTITION = 0
PAGE = 1000

SCHEMA = """
CREATE TABLE event (
    offset INTEGER PRIMARY KEY,
    log_time INTEGER NOT NULL,
    data BLOB NOT NULL,
    leaf BLOB NOT NULL
);
CREATE TABLE tile (
    level INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (level, position)
) WITHOUT ROWID;
CREATE TABLE frontier (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    tree BLOB NOT NULL,
    log_time INTEGER NOT NULL
);
CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note TEXT NOT NULL);
CREATE TRIGGER event_is_never_changed BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER event_is_never_removed BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
CREATE TRIGGER event_is_never_replaced BEFORE INSERT ON event
WHEN EXISTS (SELECT 1 FROM event WHERE offset = NEW.offset)
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;
"""


class SqliteLog(EventLog):
    """The log of an embedded vault.

    `begin`, `add`, `append` and `flush` belong to the writer's transaction. `end` and `read` see
    what is committed; who reads inside a transaction of its own uses this file's functions.

    Args:
        writer: the connection that the write transaction is open on.
        reader: gives the calling thread's connection for reading.
        clock: gives log times, in microseconds since 1970.
    """

    def __init__(
        self,
        writer: apsw.Connection,
        reader: Callable[[], apsw.Connection],
        clock: Callable[[], int] = system_time,
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._tree = Frontier()
        self._tiles: list[TileRoot] = []
        self._rows: list[tuple[int, int, bytes, bytes]] = []
        self.size = 0
        self.log_time = 0

    @staticmethod
    def create(writer: apsw.Connection) -> None:
        """Create the log's tables."""
        writer.execute(SCHEMA)
        writer.execute("INSERT INTO frontier VALUES (0, ?, 0)", (Frontier().to_bytes(),))

    def begin(self) -> None:
        """Learn where the log ends now: another process may have appended."""
        self._tiles = []
        self._tree, last = _frontier(self._writer, self._tiles.append)
        self._rows = []
        self.size = self._tree.size
        # A clock that jumps back must not: log time decides what an as-of read shows.
        self.log_time = max(self._clock(), last)

    def add(self, data: bytes, log_time: int | None = None) -> int:
        """Append one event; its offset. Stored by `flush`."""
        offset = self.size
        at = self.log_time if log_time is None else log_time
        leaf = leaf_of(offset, at, data)
        self._tree.push(leaf)
        self._rows.append((offset, at, data, leaf))
        self.size = offset + 1
        return offset

    def flush(self) -> None:
        """Write what was added since the last flush."""
        if not self._rows:
            return
        self._writer.executemany("INSERT INTO event VALUES (?, ?, ?, ?)", self._rows)
        if self._tiles:
            self._writer.executemany(
                "INSERT INTO tile VALUES (?, ?, ?)",
                [(tile.level, tile.index, tile.hash) for tile in self._tiles],
            )
            self._tiles.clear()
        self._writer.execute(
            "UPDATE frontier SET tree = ?, log_time = ?",
            (self._tree.to_bytes(), self._rows[-1][1]),
        )
        self._rows = []

    def append(self, entries: Sequence[tuple[bytes, bytes]]) -> list[Record]:
        """Append (key, event bytes) pairs inside the open transaction."""
        return [
            Record(Position(PARTITION, self.add(data)), self.log_time, data) for _, data in entries
        ]

    def end(self) -> Cut:
        return log_end(self._reader())

    def read(self, partition: int, start: int = 0, end: int | None = None) -> Iterator[Record]:
        if partition != PARTITION:
            raise InvalidInput(f"an embedded log has no partition {partition}: it has only 0")
        return read_records(self._reader(), start, end)


def log_size(connection: apsw.Connection) -> int:
    """The number of records."""
    last = row(connection, "SELECT max(offset) FROM event")
    return 0 if last is None or last[0] is None else int(last[0]) + 1


def log_end(connection: apsw.Connection) -> Cut:
    """The cut behind the last record."""
    return {PARTITION: log_size(connection)}


def read_records(
    connection: apsw.Connection, start: int = 0, end: int | None = None
) -> Iterator[Record]:
    """The records from `start` up to, not including, `end`, a page at a time.

    Raises:
        Damaged: one is behind where any log ends.
    """
    stop = log_size(connection) if end is None else end
    while start < stop:
        sql = (
            "SELECT offset, log_time, data FROM event WHERE offset >= ? AND offset < ?"
            " ORDER BY offset LIMIT ?"
        )
        page = list(rows(connection, sql, (start, stop, PAGE)))
        if not page:
            return
        for offset, log_time, data in page:
            if offset >= OPEN:
                raise Damaged(f"no log reaches the record at {offset}: run `memos verify`")
            yield Record(Position(PARTITION, offset), log_time, data)
        start = page[-1][0] + 1


def read_record(connection: apsw.Connection, offset: int) -> Record | None:
    """The record at an offset."""
    stored = row(connection, "SELECT log_time, data FROM event WHERE offset = ?", (offset,))
    return None if stored is None else Record(Position(PARTITION, offset), stored[0], stored[1])


def offset_at(connection: apsw.Connection, log_time: int) -> int:
    """The number of records whose log time is not after `log_time` (log times never fall)."""
    low, high = 0, log_size(connection)
    while low < high:
        middle = (low + high) // 2
        stored = row(connection, "SELECT log_time FROM event WHERE offset = ?", (middle,))
        if stored is not None and stored[0] <= log_time:
            low = middle + 1
        else:
            high = middle
    return low


def tree_nodes(connection: apsw.Connection) -> TiledNodes:
    """The Merkle tree's nodes, read as they are needed."""

    def fetch(level: int, start: int, end: int) -> Sequence[bytes]:
        if level == 0:
            sql = "SELECT leaf FROM event WHERE offset >= ? AND offset < ? ORDER BY offset"
            return [leaf for (leaf,) in rows(connection, sql, (start, end))]
        sql = (
            "SELECT hash FROM tile WHERE level = ? AND position >= ? AND position < ?"
            " ORDER BY position"
        )
        return [node for (node,) in rows(connection, sql, (level, start, end))]

    return TiledNodes(fetch)


def stored_tree(connection: apsw.Connection) -> Frontier:
    """The tree as the last writer left it."""
    return _frontier(connection)[0]


def _frontier(
    connection: apsw.Connection, on_tile: Callable[[TileRoot], None] | None = None
) -> tuple[Frontier, int]:
    """The tree that is stored, and the log time of its last record."""
    stored = row(connection, "SELECT tree, log_time FROM frontier")
    try:
        if stored is None:
            raise ValueError("it is missing")
        tree = (
            Frontier.from_bytes(stored[0])
            if on_tile is None
            else Frontier.from_bytes(stored[0], on_tile=on_tile)
        )
        return tree, int(stored[1])
    except (ValueError, TypeError) as error:
        raise Damaged(f"the stored tree of the log is damaged ({error}): {PUT_BACK}") from None
