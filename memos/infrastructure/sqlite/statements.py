"""Statements: the rows that they give, and SQLite's errors as ours, with what to do."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from memos.infrastructure.regular_files import check_regular
from memos.infrastructure.reports import EXAMINE
from memos.infrastructure.sqlite.column_types import value_of_another_type
from memos.infrastructure.sqlite.files import can_be_written, is_full
from memos.kernel.errors import Busy, Damaged, DiskFull, MemosError, ReadOnly, VaultError

Row = tuple[Any, ...]
"""A row as SQLite gives it; the statement that asked for it knows its types."""

BUSY_SECONDS = 60
PUT_BACK = "put it back from your backup, or load your last export into a new directory"
"""What mends a file that SQLite cannot read. No check of a vault helps then: each needs the file."""
_OF_CLOSED = (
    apsw.ConnectionClosedError,
    apsw.CursorClosedError,
    apsw.InterruptError,
    apsw.ThreadingViolationError,
)
_OF_OTHER_TYPES = (AttributeError, LookupError, OverflowError, TypeError, ValueError)
"""What our own code raises where a value is not of the type that its column declares."""


def rows(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Iterator[Row]:
    """The rows that a statement gives."""
    return iter(connection.execute(sql, tuple(values)))


def row(connection: apsw.Connection, sql: str, values: Sequence[Any] = ()) -> Row | None:
    """The first row that a statement gives."""
    return connection.execute(sql, tuple(values)).fetchone()


def typed(stored: Row, *kinds: type) -> Row:
    """A row whose values are of these types.

    Raises:
        TypeError: one is not. `explained` says of which column.
    """
    for value, kind in zip(stored, kinds, strict=True):
        if not isinstance(value, kind):
            raise TypeError(f"a value of type {type(value).__name__}, not {kind.__name__}")
    return stored


@contextmanager
def explained(path: Path, mend: str = "") -> Iterator[None]:
    """Turn SQLite's errors into ours, with what to do, and those of our own code over values that
    are not of the types that their columns declare. `mend` says what mends the file, where that is
    not what mends a vault's database.
    """
    try:
        yield
    except MemosError:
        raise
    except apsw.Error as error:
        raise _of_sqlite(path, error, mend) from error
    except _OF_OTHER_TYPES as error:
        damage = value_of_another_type(path)
        if not damage:
            raise  # a fault of ours, or of whom we called
        raise Damaged(f"{path} is damaged: {damage}; {mend or PUT_BACK}") from error


def _of_sqlite(path: Path, error: apsw.Error, mend: str) -> VaultError:
    """What an error of SQLite's means."""
    match error:
        case apsw.BusyError():
            return Busy(
                f"{path} was locked by another process for over {BUSY_SECONDS} s ({error}); "
                "nothing was written: try again"
            )
        case apsw.FullError():
            return disk_full(path)
        case apsw.ReadOnlyError() | apsw.CantOpenError() | apsw.PermissionsError():
            return _not_opened(path, error)
        case apsw.CorruptError() | apsw.NotADBError():
            return Damaged(f"{path} is damaged ({error}): {mend or PUT_BACK}")
        case _ if isinstance(error, _OF_CLOSED):
            return VaultError(f"{path} is closed: open the vault again")
        case apsw.IOError() if is_full(path):  # SQLite says so of the file alone
            return disk_full(path)
        case apsw.IOError():
            return VaultError(f"{path} could not be read or written ({error}): check the disk")
    return VaultError(f"{path} refused a statement ({error}): {mend or EXAMINE}")


def _not_opened(path: Path, error: apsw.Error) -> VaultError:
    """Why SQLite cannot open a file, or not write into it: it says the same of most causes."""
    moved = getattr(error, "extendedresult", 0) == apsw.SQLITE_READONLY_DBMOVED
    if moved or not os.path.lexists(path):
        return replaced(path)
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
        return only_to_be_read(path, error)
    return VaultError(
        f"{path} cannot be opened for writing ({error}): check the directory and its rights"
    )


def disk_full(path: Path) -> DiskFull:
    """The error of a disk that has no room for what is written."""
    return DiskFull(
        f"the disk that holds {path} is full; nothing was written: free space there and try again; what "
        "is there can be read meanwhile"
    )


def only_to_be_read(path: Path, why: object) -> ReadOnly:
    """The error of a file into which this process may not write."""
    return ReadOnly(
        f"{path} cannot be written by this process ({why}): open the vault for reading "
        '(`mode="read"`; the commands that read do so), or give it the right to write to the directory '
        "and its files"
    )


def replaced(path: Path) -> VaultError:
    """The error of a file that is no longer the one that was opened."""
    return VaultError(
        f"{path} was removed or replaced after this process had opened it; nothing was written: put "
        "it back or name another vault, and open it again"
    )
