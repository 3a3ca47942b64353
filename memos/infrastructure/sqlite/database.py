"""The one SQLite file of an embedded vault: how it is opened, read and written.

One writer at a time over all threads and processes.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import apsw

from memos.infrastructure.sqlite.group_commit import GroupCommit, Write
from memos.kernel.errors import Busy, Damaged, VaultError

T = TypeVar("T")

Row = tuple[Any, ...]
"""A row as SQLite gives it; the statement that asked for it knows its types."""

APPLICATION_ID = 0x4D656D4F  # "MemO"
FORMAT = 1
BUSY_SECONDS = 60
BUSY_POLL_SECONDS = 0.001
CACHE_KIB = 65_536


def open_connection(path: Path, *, create: bool = False) -> apsw.Connection:
    """A connection with the settings that the promises rest on.

    WAL with synchronous=FULL makes a commit durable; secure_delete overwrites what is erased.

    Raises:
        VaultError: the file cannot be opened.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    with explained(path):
        connection = apsw.Connection(str(path), flags=flags)
        connection.set_busy_handler(_wait_for_lock())
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "secure_delete=ON",
            "temp_store=MEMORY",
            f"cache_size=-{CACHE_KIB}",
            "wal_autocheckpoint=4000",
            "trusted_schema=OFF",
        ):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _wait_for_lock() -> Callable[[int], bool]:
    """A busy handler that asks every millisecond.

    SQLite's own waits up to a tenth of a second between tries, and a process that has waited long
    then loses against those that have just begun.
    """
    until = 0.0

    def wait(tries: int) -> bool:
        nonlocal until
        now = time.monotonic()
        if tries == 0:
            until = now + BUSY_SECONDS
        time.sleep(BUSY_POLL_SECONDS)
        return now < until

    return wait


def rows(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """The rows that a statement gives."""
    return iter(connection.execute(sql, tuple(values)))


def row(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row that a statement gives."""
    return connection.execute(sql, tuple(values)).fetchone()


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into ours, with what to do."""
    try:
        yield
    except apsw.BusyError as error:
        raise Busy(
            f"{path} was locked by another process for over {BUSY_SECONDS} s ({error}); "
            "nothing was written: try again"
        ) from error
    except apsw.FullError as error:
        raise VaultError(
            f"the disk that holds {path} is full; nothing was written: free space and try again"
        ) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise VaultError(
            f"{path} cannot be opened for writing ({error}): check the directory and its rights"
        ) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Damaged(
            f"{path} is damaged ({error}): run `memos verify` to learn what is still good, then "
            "load your last export"
        ) from error
    except (apsw.ConnectionClosedError, apsw.CursorClosedError) as error:
        raise VaultError(f"{path} is closed: open the vault again") from error
    except apsw.IOError as error:
        raise VaultError(
            f"{path} could not be read or written ({error}): check the disk"
        ) from error


class Database:
    """The vault's connections: one for the writer, one for each reading thread."""

    def __init__(self, path: Path, *, create: bool = False) -> None:
        self.path = path
        self.writer = open_connection(path, create=create)
        self._local = threading.local()
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._process = os.getpid()
        self._group = GroupCommit(self._run)
        self._writing = threading.Lock()
        self._registering = threading.Lock()
        self._closed = False
        self.before_commit: Callable[[], None] = lambda: None
        self.on_begin: Callable[[], None] = lambda: None
        self.on_rollback: Callable[[], None] = lambda: None

    def reader(self) -> apsw.Connection:
        """This thread's reading connection."""
        self._check_open()
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = open_connection(self.path)
            self._local.connection = connection
            with self._registering:
                self._readers.add(connection)
        return connection

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A read transaction: everything read in it is of one moment."""
        connection = self.reader()
        with explained(self.path):
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection
            finally:
                connection.execute("COMMIT")

    def write(self, work: Callable[[], T]) -> T:
        """Run `work` inside a durable transaction, together with whatever else waits.

        `work` may be run again when another one in its batch failed, so it must have no effect
        outside the transaction. Once this returns, the effect is on the disk.
        """
        self._check_open()
        return self._group.write(work)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """A durable transaction of the caller alone; what is raised inside undoes all of it."""
        with self._writing, explained(self.path):
            self._check_open()
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                self.on_begin()
                yield
                self.before_commit()
                self.writer.execute("COMMIT")
            except BaseException:
                if self.writer.in_transaction:
                    self.writer.execute("ROLLBACK")
                self.on_rollback()
                raise

    def _run(self, batch: Sequence[Write[Any]]) -> None:
        """Run the work of a batch in one transaction."""
        with self.transaction():
            for write in batch:
                write.result = write.work()

    def checkpoint_wal(self) -> bool:
        """Copy the write-ahead log into the file and empty it; False while readers hold it."""
        with self._writing, explained(self.path):
            # Waiting is the caller's: the busy handler would hold the write lock all the while.
            self.writer.set_busy_handler(None)
            try:
                busy, _, _ = next(rows(self.writer, "PRAGMA wal_checkpoint(TRUNCATE)"))
            except apsw.BusyError:
                busy = True
            finally:
                self.writer.set_busy_handler(_wait_for_lock())
        return not busy

    def close(self) -> None:
        """Wait for the writer, then close every connection."""
        if self._process != os.getpid():
            return  # a fork's copies are the parent's to close
        with self._writing:
            if self._closed:
                return
            self._closed = True
            with self._registering:
                for connection in list(self._readers):
                    connection.close(True)
                self._readers.clear()
            self.writer.close(True)

    def _check_open(self) -> None:
        if self._closed:
            raise VaultError(f"{self.path} is closed: open the vault again")
        if self._process != os.getpid():
            raise VaultError(
                f"{self.path} was opened before this process was forked, and SQLite's locks do not "
                "survive that: open the vault in the child"
            )
