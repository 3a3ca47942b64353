"""The key file of an embedded vault, opened: every change is one transaction, and is counted in it.

It is a file of its own because erasing must overwrite keys at once, while the log never changes.
A rollback journal, not a WAL, so that no copy of a destroyed key stays behind in a side file.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from memos.infrastructure.clock import system_time
from memos.infrastructure.keys.sqlite.held_root import REQUIRED, Statement
from memos.infrastructure.keys.sqlite.key_file import (
    KNOWN_LOG,
    ROOT_RECORD,
    SCHEMA,
    SEALED,
    WRITTEN,
    KeyFileState,
    LogEnd,
    explained_keys,
    has_tables,
    moment,
    read_known_log,
    read_written,
)
from memos.infrastructure.sqlite.statements import BUSY_SECONDS, row
from memos.kernel.errors import Damaged, KeysMissing, ReadOnly, VaultError


class OpenKeyFile:
    """Safe for processes; for threads under its `lock`.

    Args:
        path: the file.
        log_end: where the vault's log ends, as far as it is committed; what is given where the log
            does not have that.
        create: make the file.
        read_only: write nothing to it.

    Raises:
        VaultError: it is missing, and is not to be made.
        Damaged: it holds no keys.
    """

    def __init__(
        self,
        path: Path,
        log_end: Callable[[LogEnd], LogEnd],
        *,
        create: bool,
        read_only: bool = False,
    ) -> None:
        self.path = path
        self._read_only = read_only
        self.lock = threading.RLock()
        self._log_end = log_end
        self.expected: KeyFileState | None = None
        """The state that the vault last saw, where that is a newer one than this file's."""
        if not create and not path.exists():
            raise VaultError(
                f"{path} is missing: without it nothing in this vault can be opened; put the "
                "file back from your backup"
            )
        with explained_keys(path):
            self.connection = _to_read(path) if read_only else _connection(path, create=create)
            self.written = read_written(self.connection, path)
            self.seals_settings = row(self.connection, "PRAGMA user_version") == (SEALED,)
        if create:
            path.chmod(0o600)

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """The connection, under the lock; errors inside tell of the file."""
        with self.lock, explained_keys(self.path):
            yield self.connection

    def read_state(self) -> None:
        """Learn up to which change the file is."""
        self.written = read_written(self.connection, self.path)

    def write(self, statements: Sequence[Statement]) -> int:
        """Run statements in one transaction; how many rows they changed.

        It is one call of SQLite's, so that no interrupt can come between begin and commit, and it
        takes its lock at once: two upgrading readers would dead-lock.

        Raises:
            WrongRootKey: another process has rotated the root key meanwhile.
            ReadOnly: it was opened to be read.
        """
        if self._read_only:
            raise ReadOnly.of(str(self.path.parent))
        counting: list[Statement] = []
        if self.expected is None:  # an older copy stays known as one
            sql = "UPDATE written SET changes = changes + 1, time = ?"
            counting += [(sql, (system_time(),)), *self._new_log_end()]
        run = [(REQUIRED, ()), *statements, *counting]
        script = ";".join(("BEGIN IMMEDIATE", *(sql for sql, _ in run), "COMMIT"))
        before = self.connection.total_changes()
        with explained_keys(self.path):
            try:
                self.connection.execute(script, [value for _, values in run for value in values])
            finally:
                if self.connection.in_transaction:  # after some errors SQLite has undone it itself
                    self.connection.execute("ROLLBACK")
        self.read_state()
        return self.connection.total_changes() - before - len(counting)

    def know_log(self) -> None:
        """Remember where the vault's log ends."""
        with self.reading() as connection:
            for sql, end in self._new_log_end():
                connection.execute(sql, tuple(end))

    def known_log(self) -> LogEnd:
        """Where the vault's log ended when this was last remembered."""
        with self.reading() as connection:
            return read_known_log(connection)

    def missing(self, what: str) -> KeysMissing:
        """The error of a key that is not in the file, though the vault needs it."""
        has = f"{self.path.name} is of {moment(self.written.time)}"
        if self.expected is None:
            return KeysMissing(
                f"{what} is missing, though nobody erased what it opens; {has} (change "
                f"{self.written.changes}): put the copy of {self.path} back from your backup that "
                "has it, or load your last export"
            )
        return KeysMissing(
            f"{what} is missing, and nobody erased what it opens: {has} (change "
            f"{self.written.changes}), and the vault was last used with one of "
            f"{moment(self.expected.time)} (change {self.expected.changes}): put that newer "
            f"{self.path} back"
        )

    def _new_log_end(self) -> Iterator[Statement]:
        """What remembers where the log ends. Where that was damaged it stays as it is, for verify, audit
        and doctor to say so: it stops no write.
        """
        try:
            with explained_keys(self.path):
                known = read_known_log(self.connection)
        except Damaged:
            return
        end = self._log_end(known)
        if end != known:
            yield "INSERT OR REPLACE INTO known_log VALUES (0, ?, ?)", end


def _to_read(path: Path) -> apsw.Connection:
    """A connection that writes nothing."""
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    connection.set_busy_timeout(BUSY_SECONDS * 1000)
    if not has_tables(connection):
        raise Damaged(f"{path} holds no keys: put the file back from your backup")
    return connection


def _connection(path: Path, *, create: bool) -> apsw.Connection:
    """A connection with the settings that the promises rest on, to a file with every table."""
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    connection = apsw.Connection(str(path), flags=flags)
    connection.set_busy_timeout(BUSY_SECONDS * 1000)
    for pragma in ("journal_mode=DELETE", "synchronous=FULL", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    if create:
        connection.execute(f"{SCHEMA}; {KNOWN_LOG}; {ROOT_RECORD}; PRAGMA user_version = {SEALED}")
    elif not has_tables(connection):
        raise Damaged(f"{path} holds no keys: put the file back from your backup")
    for table, definition in (
        ("written", WRITTEN),
        ("known_log", KNOWN_LOG),
        ("root_key", ROOT_RECORD),
    ):
        if row(connection, "SELECT 1 FROM sqlite_schema WHERE name = ?", (table,)) is None:
            connection.execute(definition)
    return connection
