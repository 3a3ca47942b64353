"""The one SQLite file of an embedded vault: how it is opened, read and written.

One writer at a time over all threads and processes.
"""

from __future__ import annotations

import errno
import os
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import apsw

from memos.infrastructure.regular_files import check_regular
from memos.infrastructure.reports import EXAMINE
from memos.infrastructure.sqlite.column_types import value_of_another_type
from memos.infrastructure.sqlite.group_commit import GroupCommit, Share
from memos.kernel.errors import Busy, Damaged, DiskFull, MemosError, ReadOnly, VaultError

T = TypeVar("T")

Row = tuple[Any, ...]
"""A row as SQLite gives it; the statement that asked for it knows its types."""

Status = tuple[int, int, int, int] | None
"""Device, number, size and time of a file; None where there is none."""

APPLICATION_ID = 0x4D656D4F  # "MemO"
FORMAT = 1
ROTATED_FORMAT = 2
"""Of a vault whose root key was rotated: an earlier release would sign under another key than before."""
BUSY_SECONDS = 60
INDEX_BYTES = 32 * 2**10
"""What the index of a write-ahead log has at least."""
SIDE_FILE_BYTES = 64 * 2**10
"""What the index of a write-ahead log takes, and the head of the log."""
BUSY_POLL_SECONDS = 0.001
CACHE_KIB = 65_536
PUT_BACK = "put it back from your backup, or load your last export into a new directory"
"""What mends a file that SQLite cannot read. No check of a vault helps then: each needs the file."""
KEPT_IDLE = 16
"""Reading connections kept for the next reader: each may hold a cache."""


def open_connection(
    path: Path, *, create: bool = False, read_only: bool = False
) -> apsw.Connection:
    """A connection with the settings that the promises rest on.

    WAL with synchronous=FULL makes a commit durable; secure_delete overwrites what is erased.

    Args:
        path: the database.
        create: make it.
        read_only: write nothing, not even side files where that is not possible.

    Raises:
        VaultError: the file cannot be opened.
    """
    if read_only:
        return _open_to_read(path)
    flags = apsw.SQLITE_OPEN_READWRITE | (apsw.SQLITE_OPEN_CREATE if create else 0)
    with explained(path):
        connection = apsw.Connection(str(path), flags=flags)
        if connection.readonly("main"):  # SQLite makes do with that
            connection.close()
            raise _only_to_be_read(path, "its rights do not allow it")
        try:
            connection.set_busy_handler(_wait_for_lock(lambda: True))
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
        except BaseException:
            connection.close()  # whoever is let go of later takes side files away
            raise
    return connection


def reading_uri(path: Path) -> tuple[str, str]:
    """What SQLite reads a database by without writing anything, and its locking mode then.

    In a directory where it can make no side files it has to be told that nobody writes: the file is as
    it is, or the index of its write-ahead log is made in memory. `Database` sees to it that nobody has.
    """
    uri = f"{path.absolute().as_uri()}?mode=ro"
    wal, shm = _side_files(path)
    journal = path.with_name(f"{path.name}-journal")
    if _makes_side_files(path) or _holds(shm, INDEX_BYTES) or journal.exists():
        return uri, "NORMAL"
    if _holds(wal, 1):
        return f"{uri}&vfs=unix-none", "EXCLUSIVE"
    return f"{uri}&immutable=1", "NORMAL"


def _open_to_read(path: Path) -> apsw.Connection:
    """A connection that writes nothing."""
    with explained(path):
        connection = _to_read(path)
        connection.set_busy_handler(_wait_for_lock(lambda: True))
        for pragma in ("temp_store=MEMORY", f"cache_size=-{CACHE_KIB}", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def open_to_examine(path: Path) -> apsw.Connection:
    """A connection to read a file by, whatever it holds. Where it may be written, what a process that
    was cut off left to be undone is undone by SQLite.
    """
    if can_be_written(path) and _makes_side_files(path):
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    return _to_read(path)


def _to_read(path: Path) -> apsw.Connection:
    uri, locking = reading_uri(path)
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.execute(f"PRAGMA locking_mode={locking}").fetchall()
    return connection


def _side_files(path: Path) -> tuple[Path, Path]:
    """The write-ahead log of a database, and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


def can_be_written(path: Path) -> bool:
    """Whether this process may write a database, and the side files that come with that."""
    return os.access(path.parent, os.W_OK) and os.access(path, os.W_OK)


def _holds(path: Path, size: int) -> bool:
    """Whether a file has so many bytes; one that was to be made on a full disk has a few at most."""
    try:
        return path.stat().st_size >= size
    except OSError:
        return False


def _makes_side_files(path: Path) -> bool:
    return os.access(path.parent, os.W_OK) and not _is_full(path)


def _is_full(path: Path) -> bool:
    """Whether the disk of a database has no room for its side files."""
    try:
        return shutil.disk_usage(path.parent).free < SIDE_FILE_BYTES
    except OSError:
        return False


def _wait_for_lock(is_wanted: Callable[[], bool]) -> Callable[[int], bool]:
    """A busy handler that asks every millisecond, as long as anybody wants the lock.

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
        return now < until and is_wanted()

    return wait


def rows(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """The rows that a statement gives."""
    return iter(connection.execute(sql, tuple(values)))


def row(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row that a statement gives."""
    return connection.execute(sql, tuple(values)).fetchone()


@contextmanager
def explained(path: Path, mend: str = "") -> Iterator[None]:
    """Turn SQLite's errors into ours, with what to do, and those of our own code over values that
    are not of the types that their columns declare. `mend` says what mends the file, where that is
    not what mends a vault's database.
    """
    try:
        with _typed(path, mend):
            yield
    except apsw.BusyError as error:
        raise Busy(
            f"{path} was locked by another process for over {BUSY_SECONDS} s ({error}); "
            "nothing was written: try again"
        ) from error
    except apsw.FullError as error:
        raise _full(path) from error
    except (apsw.ReadOnlyError, apsw.CantOpenError, apsw.PermissionsError) as error:
        raise _not_opened(path, error) from error
    except (apsw.CorruptError, apsw.NotADBError) as error:
        raise Damaged(f"{path} is damaged ({error}): {mend or PUT_BACK}") from error
    except (
        apsw.ConnectionClosedError,
        apsw.CursorClosedError,
        apsw.InterruptError,
        apsw.ThreadingViolationError,
    ) as error:
        raise VaultError(f"{path} is closed: open the vault again") from error
    except apsw.IOError as error:
        if _is_full(path):  # SQLite says so of the file alone, not of those beside it
            raise _full(path) from error
        raise VaultError(
            f"{path} could not be read or written ({error}): check the disk"
        ) from error
    except apsw.Error as error:
        raise VaultError(f"{path} refused a statement ({error}): {mend or EXAMINE}") from error


@contextmanager
def _typed(path: Path, mend: str) -> Iterator[None]:
    try:
        yield
    except MemosError:
        raise
    except _OF_OTHER_TYPES as error:
        damage = value_of_another_type(path)
        if not damage:
            raise  # a fault of ours, or of whom we called
        raise Damaged(f"{path} is damaged: {damage}; {mend or PUT_BACK}") from error


def _not_opened(path: Path, error: apsw.Error) -> VaultError:
    """Why SQLite cannot open a file, or not write into it: it says the same of most causes."""
    moved = getattr(error, "extendedresult", 0) == apsw.SQLITE_READONLY_DBMOVED
    if moved or not os.path.lexists(path):
        return _replaced(path)
    try:
        check_regular(path)
        os.close(os.open(path, os.O_RDONLY))
    except OSError as reason:
        if reason.errno in (errno.EMFILE, errno.ENFILE):
            return VaultError(
                f"{path} cannot be opened: too many files are open ({reason.strerror}); nothing was "
                "written: close some, or raise the limit (ulimit -n)"
            )
        if not isinstance(reason, PermissionError):
            return VaultError(f"{path} cannot be opened ({reason.strerror}): {PUT_BACK}")
    if not can_be_written(path):
        return _only_to_be_read(path, error)
    return VaultError(
        f"{path} cannot be opened for writing ({error}): check the directory and its rights"
    )


def _full(path: Path) -> DiskFull:
    return DiskFull(
        f"the disk that holds {path} is full; nothing was written: free space there and try again; what "
        "is there can be read meanwhile"
    )


def _only_to_be_read(path: Path, why: object) -> ReadOnly:
    return ReadOnly(
        f"{path} cannot be written by this process ({why}): open the vault for reading "
        '(`mode="read"`; the commands that read do so), or give it the right to write to the directory '
        "and its files"
    )


_OF_OTHER_TYPES = (AttributeError, LookupError, OverflowError, TypeError, ValueError)
"""What our own code raises where a value is not of the type that its column declares."""


class Database:
    """The vault's connections: one for the writing thread, others for those who read."""

    def __init__(self, path: Path, *, create: bool = False, read_only: bool = False) -> None:
        self.path = path
        self.read_only = read_only
        self._at_rest: tuple[Status, Status] | None = None
        if read_only and not (_makes_side_files(path) or _holds(_side_files(path)[1], INDEX_BYTES)):
            # SQLite is told that nobody writes: see `reading_uri`.
            self._at_rest = _written(path)
        self.writer = open_connection(path, create=create, read_only=read_only)
        self._files = {path: _identity(path)}
        with explained(path):
            row(self.writer, "SELECT 1 FROM sqlite_schema")  # has its side files opened
        for side in _side_files(path):  # nobody rightly removes them while they are open
            self.watch(side)
        self._contents: dict[Path, tuple[Status, bytes]] = {}
        self._is_good: dict[Path, Callable[[], bool]] = {}
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
        self.writer.set_busy_handler(_wait_for_lock(self._group.is_wanted))

    def watch(self, path: Path) -> None:
        """Commit nothing more where this file is removed or replaced; so are the vault's own."""
        self._files[path] = _identity(path)

    def watch_content(self, path: Path, is_good: Callable[[], bool]) -> None:
        """The same, also where something else is written into the file, unless that `is_good`."""
        self._contents[path] = _status(path), _content(path)
        self._is_good[path] = is_good

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
                self._check_files()
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
                self.writer.set_busy_handler(_wait_for_lock(self._group.is_wanted))
        return not busy

    def _open(self) -> apsw.Connection:
        if _identity(self.path) != self._files[self.path]:
            raise _replaced(self.path)  # another vault's, or none
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
        if self._at_rest is not None and _written(self.path) != self._at_rest:
            raise VaultError(
                f"{self.path} was written to since it was opened for reading, from where it cannot be "
                "seen: open the vault again"
            )

    def _check_writable(self) -> None:
        self._check_open()
        if self.read_only:
            raise ReadOnly.of(str(self.path.parent))

    def _check_files(self) -> None:
        """Whether the files are still at their paths: what goes into a deleted one is lost."""
        for path, opened in self._files.items():
            if _identity(path) != opened:
                raise _replaced(path)
        for path, (status, content) in self._contents.items():
            now = _status(path)
            if now != status:
                found = _content(path)
                if found != content and not self._is_good[path]():
                    raise _replaced(path)
                self._contents[path] = now, found


def _replaced(path: Path) -> VaultError:
    return VaultError(
        f"{path} was removed or replaced after this process had opened it; nothing was written: put "
        "it back or name another vault, and open it again"
    )


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


def _written(path: Path) -> tuple[Status, Status]:
    """By what a write to a database is known: its status, and that of a write-ahead log that is not empty."""
    wal, _ = _side_files(path)
    return _status(path), _status(wal) if _holds(wal, 1) else None


def _status(path: Path) -> Status:
    """By what a change of a file is suspected; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _content(path: Path) -> bytes:
    """A digest of what is in a file; empty where it cannot be read."""
    try:
        return sha256(path.read_bytes()).digest()
    except OSError:
        return b""


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file is at a path; None where there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
