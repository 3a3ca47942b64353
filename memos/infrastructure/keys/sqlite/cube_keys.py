"""Cube keys: in the log's file and transaction, each wrapped under its subjects' keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock

import apsw

from memos.infrastructure.keys.envelope import decrypt, split_subjects, wrap_key, wrapping_key
from memos.infrastructure.keys.sqlite.key_mark import keep_mark, mark_of
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore
from memos.infrastructure.sqlite.statements import row
from memos.kernel.errors import Damaged, KeysMissing
from memos.kernel.event import id_text

SCHEMA = """
CREATE TABLE cube_key (
    cube_id BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    subjects BLOB NOT NULL,
    wrapped BLOB NOT NULL
) WITHOUT ROWID;
"""

CACHED_KEYS = 20_000


class SqliteCubeKeys:
    """Gives out the keys of cubes. Writing happens in the vault's write transaction."""

    def __init__(self, writer: apsw.Connection, store: SqliteKeyStore) -> None:
        self._writer = writer
        self._store = store
        self._rows: list[tuple[bytes, str, bytes, bytes]] = []
        self._opened: OrderedDict[bytes, bytes] = OrderedDict()
        self._lock = Lock()
        self._marked = -1
        self.destroyed: list[bytes] = []
        """The cubes whose keys this transaction has destroyed."""

    @staticmethod
    def create(writer: apsw.Connection) -> None:
        """Create the table."""
        writer.execute(SCHEMA)

    def begin(self) -> None:
        """Start a transaction: forget what another one left, and keys destroyed elsewhere."""
        self._rows, self.destroyed = [], []
        self._store.refresh()

    def add(self, cube_id: bytes, tenant: str, subjects: Sequence[bytes], key: bytes) -> None:
        """Keep a new cube's key, wrapped so that every one of its subjects can end it."""
        wrapping = wrapping_key([self._subject(tenant, subject) for subject in subjects])
        wrapped = wrap_key(wrapping, key, cube_id)
        self._rows.append((cube_id, tenant, b"".join(subjects), wrapped))
        self._remember(cube_id, key)

    def flush(self) -> None:
        """Write the new keys."""
        if self._rows:
            self._writer.executemany("INSERT INTO cube_key VALUES (?, ?, ?, ?)", self._rows)
            self._rows = []
        if self._store.file.written.changes != self._marked:
            self._keep_mark()

    def learn_mark(self, connection: apsw.Connection) -> None:
        """Tell whether the key file is an older one than the vault was last used with."""
        mark = mark_of(connection)
        self._store.refresh()  # the file is written before the mark: it is at least as new
        self._store.file.expected = (
            mark if mark.changes > self._store.file.written.changes else None
        )

    def _keep_mark(self) -> None:
        self.learn_mark(self._writer)
        if self._store.file.expected is None:
            if self._store.file.written.changes > mark_of(self._writer).changes:
                keep_mark(self._writer, self._store.file.written)
            self._marked = self._store.file.written.changes

    def missing(self, connection: apsw.Connection, cube_id: bytes) -> KeysMissing:
        """The error of a memory that nobody erased, and whose key is not there."""
        if not _is_kept(connection, cube_id):
            return KeysMissing(
                f"the key of cube {id_text(cube_id)} is missing in memos.db, though nobody erased "
                "it: load your last export"
            )
        return self._store.file.missing(f"a key that cube {id_text(cube_id)} needs")

    def key(self, connection: apsw.Connection, cube_id: bytes) -> bytes | None:
        """A cube's key; None where it, or a key that it needs, was destroyed."""
        with self._lock:
            cached = self._opened.get(cube_id)
            if cached is not None and (connection is self._writer or _is_kept(connection, cube_id)):
                self._opened.move_to_end(cube_id)
                return cached
        sql = "SELECT tenant, subjects, wrapped FROM cube_key WHERE cube_id = ?"
        stored = row(connection, sql, (cube_id,))
        if stored is None:
            return None
        tenant, joined, wrapped = stored
        subjects = split_subjects(joined)
        wrapping = self._wrapping(tenant, subjects)
        if wrapping is None:
            return None
        try:
            opened = decrypt(wrapping, wrapped, cube_id)
        except Damaged:
            # Another process may have erased a subject, which has a new key since.
            self._store.refresh()
            wrapping = self._wrapping(tenant, subjects)
            if wrapping is None:
                return None
            opened = decrypt(wrapping, wrapped, cube_id)
        self._remember(cube_id, opened)
        return opened

    def _wrapping(self, tenant: str, subjects: Iterable[bytes]) -> bytes | None:
        """What subjects' keys together wrap with; None where one was destroyed."""
        keys = []
        for subject in subjects:
            key = self._store.subject_key(tenant, subject, create=False)
            if key is None:
                return None
            keys.append(key)
        return wrapping_key(keys)

    def destroy(self, cube_ids: Iterable[bytes]) -> int:
        """Overwrite the keys of these cubes; how many there were."""
        destroyed = 0
        for cube_id in cube_ids:
            self._writer.execute("DELETE FROM cube_key WHERE cube_id = ?", (cube_id,))
            if self._writer.changes():
                destroyed += 1
                self.destroyed.append(cube_id)
            with self._lock:
                self._opened.pop(cube_id, None)
        return destroyed

    def forget(self) -> None:
        """Drop every opened key from memory."""
        self._marked = -1
        with self._lock:
            self._opened.clear()

    def _subject(self, tenant: str, subject: bytes) -> bytes:
        key = self._store.subject_key(tenant, subject)
        assert key is not None  # noqa: S101 - made when absent
        return key

    def _remember(self, cube_id: bytes, key: bytes) -> None:
        with self._lock:
            self._opened[cube_id] = key
            if len(self._opened) > CACHED_KEYS:
                self._opened.popitem(last=False)


def _is_kept(connection: apsw.Connection, cube_id: bytes) -> bool:
    """Whether no other process has destroyed the key since it was opened here."""
    return row(connection, "SELECT 1 FROM cube_key WHERE cube_id = ?", (cube_id,)) is not None
