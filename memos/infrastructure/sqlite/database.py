"""The one SQLite file of an embedded vault: how it is opened, read and written.

One writer at a time over all threads and processes.
"""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import apsw

from memos.infrastructure.sqlite.connections import (
    BUSY_POLL_SECONDS,
    open_connection,
    wait_for_lock,
)
from memos.infrastructure.sqlite.files import (
    INDEX_BYTES,
    Status,
    holds,
    makes_side_files,
    side_files,
    written,
)
from memos.infrastructure.sqlite.group_commit import GroupCommit, Share
from memos.infrastructure.sqlite.statements import explained, row, rows
from memos.infrastructure.sqlite.watched_files import WatchedFiles
from memos.kernel.errors import ReadOnly, VaultError

T = TypeVar("T")

APPLICATION_ID = 0x4D656D4F  # "MemO"
FORMAT = 1
ROTATED_FORMAT = 2
"""Of a vault whose root key was rotated: an earlier release would sign under another key than before."""
KEPT_IDLE = 16
"""Reading connections kept for the next reader: each may hold a cache."""


class Database:
    """The vault's connections: one for the writing thread, others for those who read."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._at_rest: tuple[Status, Status] | None = None
        if read_only and not (makes_side_files(path) or holds(side_files(path)[1], INDEX_BYTES)):
            # SQLite is told that nobody writes: see `reading_uri`.
            self._at_rest = written(path)
        self.writer = open_connection(path, create=create, read_only=read_only)
        self._files = WatchedFiles()
        self.watch(path)
        with explained(path):
            row(self.writer, "SELECT 1 FROM sqlite_schema")  # has its side files opened
        for side in side_files(path):  # nobody rightly removes them while they are open
            self.watch(side)
        self._local = threading.local()
        self._readers: weakref.WeakSet[apsw.Connection] = weakref.WeakSet()
        self._registering = threading.Lock()
        self._idle: list[apsw.Connection] = []
        self._process = os.getpid()
        self._group = GroupCommit(self._run)
        self._closed = False
        self.has_committed = False
        self.before_commit: Callable[[], None] = lambda: None
        self.on_begin: Callable[[], None] = lambda: None
        self.on_rollback: Callable[[], None] = lambda: None
        self.check_wanted = self._group.check_wanted
        self.writer.set_busy_handler(wait_for_lock(self._group.is_wanted))

    def watch(self, path: Path) -> None:
        """Commit nothing more where this file is removed or replaced; so are the vault's own."""
        self._files.watch(path)

    def watch_content(self, path: Path, is_good: Callable[[], bool]) -> None:
        """The same, also where something else is written into the file, unless that `is_good`."""
        self._files.watch_content(path, is_good)

    def reader(self) -> apsw.Connection:
        """This thread's reading connection, for statements that are each of their own moment."""
        self._check_open()
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        with explained(self.path):
            if connection is None or not _is_free(connection):
                # A statement that was left half read would hold all later ones at its moment.
                connection = self._open()
                self._local.connection = connection
        return connection

    @contextmanager
    def reading(self) -> Iterator[apsw.Connection]:
        """A read transaction: everything read in it is of one moment.

        A connection comes back into use only when its transaction has ended, so that one whose
        reader was interrupted at whatever instruction shows its moment to nobody else.
        """
        self._check_open()
        with explained(self.path):
            connection = self._take_idle() or self._open()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                self._give_back(connection)

    def write(self, work: Callable[[], T]) -> T:
        """Run `work` inside a durable transaction, together with whatever else waits.

        `work` may be run again when another one in its batch failed, so it must have no effect
        outside the transaction. Once this returns, the effect is on the disk.
        """
        self._check_writable()
        return self._group.write(work)

    def transact(self, work: Callable[[], T]) -> T:
        """Run `work` in a durable transaction of the caller alone; what it raises undoes all of it, and
        so does an interrupt of the caller before the commit.
        """
        self._check_writable()
        return self._group.write(work, Share.NOBODY)

    def checkpoint_wal(self) -> bool:
        """Copy the write-ahead log into the file and empty it; False while readers hold it."""
        self._check_writable()
        return self._group.write(self._checkpoint_wal, Share.NO_TRANSACTION)

    def close(self) -> None:
        """Wait for the writer, then close every connection; harmless when repeated."""
        if self._process != os.getpid():
            return  # a fork's copies are the parent's to close
        self._group.close()
        self._closed = True
        self._idle.clear()
        with self._registering:
            for connection in list(self._readers):
                _end(connection)
        _end(self.writer)

    def _run(self, work: Callable[[], None]) -> None:
        """Run the work of the writing thread in one transaction."""
        with explained(self.path):
            if self.writer.in_transaction:  # the thread was stopped from outside in the one before
                self._roll_back()
            self.writer.execute("BEGIN IMMEDIATE")
            try:
                self.on_begin()
                work()
                self.before_commit()
                self._files.check()
                self.check_wanted()
                self.writer.execute("COMMIT")
                self.has_committed = True
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        """Undo the open transaction; after some errors SQLite has done so itself."""
        try:
            if self.writer.in_transaction:
                self.writer.execute("ROLLBACK")
        finally:
            self.on_rollback()

    def _checkpoint_wal(self) -> bool:
        with explained(self.path):
            # Waiting is the caller's: the busy handler would hold the write lock all the while.
            self.writer.set_busy_handler(None)
            try:
                busy, _, _ = next(rows(self.writer, "PRAGMA wal_checkpoint(TRUNCATE)"))
            except apsw.BusyError:
                busy = True
            finally:
                self.writer.set_busy_handler(wait_for_lock(self._group.is_wanted))
        return not busy

    def _open(self) -> apsw.Connection:
        self._files.check_same(self.path)  # else it is another vault's, or none
        connection = open_connection(self.path, read_only=self.read_only)
        with self._registering:
            self._readers.add(connection)
        return connection

    def _give_back(self, connection: apsw.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("COMMIT")
            if _is_free(connection) and len(self._idle) < KEPT_IDLE:
                self._idle.append(connection)
        except (apsw.ConnectionClosedError, apsw.ThreadingViolationError):
            pass  # the vault was closed meanwhile, or is being closed

    def _take_idle(self) -> apsw.Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _check_open(self) -> None:
        if self._closed:
            raise VaultError(f"{self.path} is closed: open the vault again")
        if self._process != os.getpid():
            raise VaultError(
                f"{self.path} was opened before this process was forked, and SQLite's locks do not "
                "survive that: open the vault in the child"
            )
        if self._at_rest is not None and written(self.path) != self._at_rest:
            raise VaultError(
                f"{self.path} was written to since it was opened for reading, from where it cannot be "
                "seen: open the vault again"
            )

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise ReadOnly.of(str(self.path.parent))


def _end(connection: apsw.Connection) -> None:
    """Close a connection; a statement that another thread runs on it is stopped."""
    while True:
        try:
            connection.close(True)
        except apsw.ConnectionClosedError:
            return
        except apsw.ThreadingViolationError:
            connection.interrupt()
            time.sleep(BUSY_POLL_SECONDS)
        else:
            return


def _is_free(connection: apsw.Connection) -> bool:
    """Whether no statement and no transaction holds the connection at a moment."""
    return bool(connection.txn_state() == apsw.SQLITE_TXN_NONE)
