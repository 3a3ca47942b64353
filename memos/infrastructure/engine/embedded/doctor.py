"""What is wrong with a vault, and how to mend it. Reads only; opens what it can."""

from __future__ import annotations

import os
import shutil
import stat
import time
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from itertools import groupby
from pathlib import Path

import apsw

from memos.infrastructure.clock import CLOCK_AHEAD_SECONDS
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.doctor_keys import (
    BACKUP_OF_KEYS,
    BACKUP_OF_ROOT,
    begin_reading,
    key_findings,
    root_key,
    seal_findings,
    strange_finding,
    unopened_findings,
)
from memos.infrastructure.engine.embedded.listed_erases import list_findings
from memos.infrastructure.engine.embedded.strange_objects import strange_in_database
from memos.infrastructure.index.sqlite.set_aside import TABLE as SET_ASIDE
from memos.infrastructure.index.sqlite.set_aside import is_used
from memos.infrastructure.keys.erased_list import ERASED_FILE
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, ROOT_FILE
from memos.infrastructure.regular_files import check_regular
from memos.infrastructure.reports import Finding, set_aside_finding
from memos.infrastructure.sqlite.connections import open_to_examine
from memos.infrastructure.sqlite.database import APPLICATION_ID, ROTATED_FORMAT
from memos.infrastructure.sqlite.files import can_be_written
from memos.infrastructure.sqlite.statements import BUSY_SECONDS, PUT_BACK, explained, row, rows
from memos.kernel.errors import VaultError
from memos.kernel.event import id_text

LOW_DISK_BYTES = 512 * 2**20
LARGE_WAL_BYTES = 256 * 2**20


def examine(directory: Path) -> tuple[Finding, ...]:
    """Examine the vault at a directory; empty where all is well."""
    try:
        if not stat.S_ISDIR(directory.stat().st_mode):
            return (_no_vault(directory),)
        unreadable = tuple(_unreadable(directory))
        if unreadable:
            return (*unreadable, *_disk(directory))
        return (*_files(directory), *_disk(directory), *_rights(directory), *_database(directory))
    except (FileNotFoundError, NotADirectoryError):
        return (_no_vault(directory),)
    except OSError as error:
        what = f"{error.filename or directory} cannot be examined ({error.strerror})"
        return (Finding("error", what, "mend that, and ask again"),)


def _no_vault(directory: Path) -> Finding:
    return Finding("error", f"there is no vault at {directory}", "name the vault's directory")


def _unreadable(directory: Path) -> Iterator[Finding]:
    """What this process may not read: nothing is told of how it is."""
    for name in (DATABASE_FILE, ROOT_FILE, KEYS_FILE):
        path = directory / name
        if path.exists() and not os.access(path, os.R_OK):
            yield Finding(
                "error",
                f"{name} cannot be read by this user, whatever is in it",
                "ask again as a user who may read it",
            )


def _rights(directory: Path) -> Iterator[Finding]:
    path = directory / DATABASE_FILE
    if path.exists() and not can_be_written(path):
        yield Finding(
            "warning",
            f"{directory} can be read by this process, and not written",
            'open it with mode="read", as the commands that read do; or write as one who may',
        )


def _files(directory: Path) -> Iterator[Finding]:
    for name, mend in (
        (DATABASE_FILE, PUT_BACK),
        (ROOT_FILE, BACKUP_OF_ROOT),
        (KEYS_FILE, BACKUP_OF_KEYS),
    ):
        try:
            check_regular(directory / name)
        except FileNotFoundError:
            yield Finding("error", f"{name} is missing", mend)
        except OSError as error:
            yield Finding("error", f"{name} cannot be read ({error.strerror})", mend)
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
            "warning",
            f"only {free // 2**20} MiB are free on the disk",
            "free space soon: on a full disk nothing is written, and what is there is read",
        )
    size = 0
    with suppress(FileNotFoundError):  # whoever closes the vault last takes it away
        size = (directory / f"{DATABASE_FILE}-wal").stat().st_size
    if size > LARGE_WAL_BYTES:
        yield Finding(
            "warning",
            f"the write-ahead log has grown to {size // 2**20} MiB",
            "end the process that keeps a read open, then write once",
        )


def _database(directory: Path) -> Iterator[Finding]:
    path = directory / DATABASE_FILE
    if not path.is_file():
        return
    try:
        connection = open_to_examine(path)
    except apsw.Error as error:
        yield Finding("error", f"{path.name} does not open: {error}", "check its rights")
        return
    with closing(connection):
        try:
            with explained(path, PUT_BACK):
                connection.set_busy_timeout(BUSY_SECONDS * 1000)
                begin_reading(connection)
                is_vault = yield from _contents(connection)
        except VaultError as error:
            is_vault = False
            yield Finding("error", f"{path.name} cannot be read: {error}", PUT_BACK)
        root = yield from root_key(directory)
        if root is not None:
            yield from unopened_findings(directory / KEYS_FILE, root)
        if not is_vault:
            return
        try:
            with explained(path, PUT_BACK):
                if root is not None:
                    yield from seal_findings(connection, root)
                yield from key_findings(connection, directory / KEYS_FILE)
                yield from list_findings(connection, directory / ERASED_FILE)
        except VaultError as error:
            yield Finding("error", f"{path.name} cannot be read: {error}", PUT_BACK)


def _contents(connection: apsw.Connection) -> Generator[Finding, None, bool]:
    """What is wrong inside the database; whether it is a vault's that this release reads."""
    (application,) = row(connection, "PRAGMA application_id") or (0,)
    (version,) = row(connection, "PRAGMA user_version") or (0,)
    if application != APPLICATION_ID:
        yield Finding(
            "error",
            f"{DATABASE_FILE} is no database of a MemOS vault",
            f"where this is the vault's directory, {PUT_BACK}",
        )
        return False
    if version > ROTATED_FORMAT:
        yield Finding(
            "error",
            f"the vault has format {version}; this release of MemOS reads up to {ROTATED_FORMAT}",
            "upgrade MemOS",
        )
        return False
    for (answer,) in rows(connection, "PRAGMA quick_check(5)"):
        if answer != "ok":
            yield Finding(
                "error",
                f"{DATABASE_FILE} is damaged: {answer}",
                f"{PUT_BACK}; as far as the vault opens, `memos verify` names what is still good",
            )
    yield from map(strange_finding, strange_in_database(connection))
    yield from _projections(connection)
    yield from _set_aside(connection)
    return True


def _set_aside(connection: apsw.Connection) -> Iterator[Finding]:
    if not is_used(connection):
        return
    sql = f"SELECT m.name, s.cube_id FROM {SET_ASIDE} s JOIN index_model m USING (model) ORDER BY 1, 2"
    for model, found in groupby(rows(connection, sql), key=lambda at: str(at[0])):
        names = [f"memory {id_text(cube_id)}" for _, cube_id in found]
        yield set_aside_finding(names, model, "They are found by their words alone")


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
            f"an erase of {pending} cubes is under way, or was cut off after the request",
            "ask again; where it is said again, open the vault once: it is finished then",
        )
    ahead = (last or 0) / 1e6 - time.time()
    if ahead > CLOCK_AHEAD_SECONDS:
        yield Finding(
            "warning",
            f"this machine's clock is {ahead:.0f} s behind the log's last record",
            "set the clock: until it has caught up, new records carry that record's time",
        )
