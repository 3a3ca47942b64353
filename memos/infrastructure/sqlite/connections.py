"""Connections to a database: to write, to read without writing anything, to examine whatever is there."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import apsw

from memos.infrastructure.sqlite.files import (
    INDEX_BYTES,
    can_be_written,
    holds,
    makes_side_files,
    side_files,
)
from memos.infrastructure.sqlite.statements import BUSY_SECONDS, explained, only_to_be_read

BUSY_POLL_SECONDS = 0.001
CACHE_KIB = 65_536


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
            raise only_to_be_read(path, "its rights do not allow it")
        try:
            connection.set_busy_handler(wait_for_lock(lambda: True))
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
            _keep_plans(connection)
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
    wal, shm = side_files(path)
    journal = path.with_name(f"{path.name}-journal")
    if makes_side_files(path) or holds(shm, INDEX_BYTES) or journal.exists():
        return uri, "NORMAL"
    if holds(wal, 1):
        return f"{uri}&vfs=unix-none", "EXCLUSIVE"
    return f"{uri}&immutable=1", "NORMAL"


def _open_to_read(path: Path) -> apsw.Connection:
    """A connection that writes nothing."""
    with explained(path):
        connection = _to_read(path)
        connection.set_busy_handler(wait_for_lock(lambda: True))
        for pragma in ("temp_store=MEMORY", f"cache_size=-{CACHE_KIB}", "trusted_schema=OFF"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        _keep_plans(connection)
    return connection


def _keep_plans(connection: apsw.Connection) -> None:
    """Have a statement planned once. A SQLite that counts samples (STAT4) plans many an ordered one anew
    for each value that it is run with, which takes four times as long as to run it.
    """
    connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)


def open_to_examine(path: Path) -> apsw.Connection:
    """A connection to read a file by, whatever it holds. Where it may be written, what a process that
    was cut off left to be undone is undone by SQLite.
    """
    if can_be_written(path) and makes_side_files(path):
        return apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    return _to_read(path)


def _to_read(path: Path) -> apsw.Connection:
    uri, locking = reading_uri(path)
    connection = apsw.Connection(uri, flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    connection.execute(f"PRAGMA locking_mode={locking}").fetchall()
    return connection


def wait_for_lock(is_wanted: Callable[[], bool]) -> Callable[[int], bool]:
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
