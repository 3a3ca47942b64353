"""What is wrong with a vault, and how to mend it. Reads only; opens what it can."""

from __future__ import annotations

import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw

from memos.infrastructure.clock import CLOCK_AHEAD_SECONDS
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.key_presence import cubes_without_keys
from memos.infrastructure.keys.sqlite.key_file import (
    KEYS_FILE,
    ROOT_FILE,
    moment,
    read_written,
    subject_ids,
)
from memos.infrastructure.keys.sqlite.key_mark import mark_of
from memos.infrastructure.reports import Finding
from memos.infrastructure.sqlite.database import APPLICATION_ID, FORMAT, explained, row, rows
from memos.kernel.errors import VaultError

LOW_DISK_BYTES = 512 * 2**20
BACKUP_OF_KEYS = "put it back from your backup: memories cannot be opened without their keys"
LARGE_WAL_BYTES = 256 * 2**20


def examine(directory: Path) -> tuple[Finding, ...]:
    """Examine the vault at a directory; empty where all is well."""
    if not directory.is_dir():
        return (
            Finding("error", f"there is no vault at {directory}", "name the vault's directory"),
        )
    return (*_files(directory), *_disk(directory), *_database(directory))


def _files(directory: Path) -> Iterator[Finding]:
    for name, mend in (
        (DATABASE_FILE, "load your last export into a new directory"),
        (ROOT_FILE, "put it back from your backup: nothing opens without the root key"),
        (KEYS_FILE, BACKUP_OF_KEYS),
    ):
        if not (directory / name).is_file():
            yield Finding("error", f"{name} is missing", mend)
    for name in (ROOT_FILE, KEYS_FILE):
        path = directory / name
        if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding("warning", f"{name} can be read by other users", f"chmod 600 {path.name}")
    for left in directory.parent.glob(f".{directory.name}.*"):
        if left.is_dir():
            yield Finding(
                "warning",
                f"{left.name} beside the vault was left by a process that died making it",
                "remove it",
            )


def _disk(directory: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(directory).free
    if free < LOW_DISK_BYTES:
        yield Finding(
            "warning", f"only {free // 2**20} MiB are free on the disk", "free space soon"
        )
    wal = directory / f"{DATABASE_FILE}-wal"
    if wal.is_file() and wal.stat().st_size > LARGE_WAL_BYTES:
        yield Finding(
            "warning",
            f"the write-ahead log has grown to {wal.stat().st_size // 2**20} MiB",
            "end the process that keeps a read open, then write once",
        )


def _database(directory: Path) -> Iterator[Finding]:
    path = directory / DATABASE_FILE
    if not path.is_file():
        return
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    except apsw.Error as error:
        yield Finding("error", f"{path.name} does not open: {error}", "check its rights")
        return
    try:
        with explained(path):
            connection.set_busy_timeout(5000)
            yield from _contents(connection)
            yield from _keys(connection, directory / KEYS_FILE)
    except VaultError as error:
        yield Finding(
            "error",
            f"{path.name} cannot be read: {error}",
            "run `memos verify` to learn what is still good, then load your last export",
        )
    finally:
        connection.close()


def _keys(connection: apsw.Connection, path: Path) -> Iterator[Finding]:
    """Whether the key file is the one that the vault was last used with, and has what it needs."""
    if not path.is_file():
        return
    try:
        with (
            explained(path),
            closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as keys,
        ):
            written, kept = read_written(keys, path), subject_ids(keys)
    except VaultError as error:
        yield Finding("error", f"{path.name} cannot be read: {error}", BACKUP_OF_KEYS)
        return
    mark = mark_of(connection)
    if written.changes < mark.changes:
        yield Finding(
            "error",
            f"{path.name} is an older one, of {moment(written.time)} (change {written.changes}): "
            f"the vault was last used with that of {moment(mark.time)} (change {mark.changes})",
            "put the newer file back",
        )
    count = sum(1 for _ in cubes_without_keys(connection, kept))
    if count:
        yield Finding(
            "error",
            f"the keys of {count} memories are missing, though nobody erased them",
            BACKUP_OF_KEYS,
        )


def _contents(connection: apsw.Connection) -> Iterator[Finding]:
    (application,) = row(connection, "PRAGMA application_id") or (0,)
    (version,) = row(connection, "PRAGMA user_version") or (0,)
    if application != APPLICATION_ID:
        yield Finding("error", f"{DATABASE_FILE} is no MemOS vault", "name the vault's directory")
        return
    if version > FORMAT:
        yield Finding(
            "error",
            f"the vault has format {version}; this release of MemOS reads up to {FORMAT}",
            "upgrade MemOS",
        )
        return
    for (answer,) in rows(connection, "PRAGMA quick_check(5)"):
        if answer != "ok":
            yield Finding(
                "error", f"{DATABASE_FILE} is damaged: {answer}", "run `memos verify`, then rebuild"
            )
    yield from _projections(connection)


def _projections(connection: apsw.Connection) -> Iterator[Finding]:
    (size, last) = row(connection, "SELECT count(*), max(log_time) FROM event") or (0, None)
    (folded,) = row(connection, "SELECT size FROM folded") or (0,)
    if folded != size:
        yield Finding("error", f"{folded} of {size} records are folded", "run `memos rebuild`")
    (pending,) = row(
        connection, "SELECT count(*) FROM head WHERE erasing <> x'' AND lifecycle <> 7"
    ) or (0,)
    if pending:
        yield Finding(
            "warning",
            f"an erase of {pending} cubes was cut off after the request",
            "open the vault once: it is finished then",
        )
    ahead = (last or 0) / 1e6 - time.time()
    if ahead > CLOCK_AHEAD_SECONDS:
        yield Finding(
            "warning",
            f"this machine's clock is {ahead:.0f} s behind the log's last record",
            "set the clock: until it has caught up, new records carry that record's time",
        )
