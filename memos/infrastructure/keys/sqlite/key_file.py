"""The tables of the key file, and what can be read of it without a key."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.sqlite.statements import explained, row, rows
from memos.kernel.errors import Damaged, shorten

ROOT_FILE = "root.key"
KEYS_FILE = "keys.db"

SCHEMA = """
CREATE TABLE IF NOT EXISTS tenant_key (
    tenant TEXT NOT NULL,
    place INTEGER NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, place)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS subject_key (
    tenant TEXT NOT NULL,
    subject BLOB NOT NULL,
    wrapped BLOB NOT NULL,
    PRIMARY KEY (tenant, subject)
) WITHOUT ROWID;
"""

SEALED = 1
"""The version of a key file whose vault seals its settings; an earlier release's is 0."""

WRITTEN = """
CREATE TABLE IF NOT EXISTS written (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    changes INTEGER NOT NULL,
    time INTEGER NOT NULL
);
INSERT OR IGNORE INTO written VALUES (0, 0, 0);
"""
"""How often the file was changed, and when last: by these an older copy of it is known."""


PUT_BACK = "put the file back from your backup that has it, or load your last export"
"""What mends a key file."""

MOST_CHANGES = 2**48
"""More than a file can have been changed: a greater count would make every good copy an older one."""

END_OF_TIME = 253_402_300_800_000_000
"""The year 10000: no clock gave a time from then on."""

KNOWN_LOG = """
CREATE TABLE IF NOT EXISTS known_log (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    size INTEGER NOT NULL,
    leaf BLOB NOT NULL
);
INSERT OR IGNORE INTO known_log VALUES (0, 0, x'');
"""
"""Where the vault's log ended when the file was last changed, or the vault closed: by it an older copy
of the vault is known.
"""


ROOT_RECORD = """
CREATE TABLE IF NOT EXISTS root_key (id INTEGER PRIMARY KEY CHECK (id = 0), record TEXT NOT NULL);
"""
"""One row, once the root key was rotated: see `RootRecord`."""


class LogEnd(NamedTuple):
    """How many records a log has, and the leaf of the last of them; empty where it has none."""

    size: int = 0
    leaf: bytes = b""


class KeyFileState(NamedTuple):
    """Up to which change a key file is, and when that was made (microseconds since 1970)."""

    changes: int
    time: int

    @classmethod
    def of(cls, changes: object, time: object) -> KeyFileState | None:
        """The state that two stored values tell; None where they tell none."""
        if not (isinstance(changes, int) and isinstance(time, int)):
            return None
        if not (0 <= changes < MOST_CHANGES and 0 <= time < END_OF_TIME):
            return None
        return cls(changes, time)


def explained_keys(path: Path) -> AbstractContextManager[None]:
    """As `explained`, for a key file."""
    return explained(path, PUT_BACK)


def has_tables(connection: apsw.Connection) -> bool:
    """Whether a file has the tables of a key file."""
    sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('tenant_key', 'subject_key')"
    return row(connection, sql) == (2,)


def read_written(connection: apsw.Connection, path: Path) -> KeyFileState:
    """The state of a key file; one that no release with states wrote has the file's own time.

    Raises:
        Damaged: what is stored is none.
    """
    if row(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'written'") is not None:
        stored = row(connection, "SELECT changes, time FROM written")
        state = KeyFileState(0, 0) if stored is None else KeyFileState.of(*stored)
        if state is None:
            raise Damaged(
                f"{path} has {shorten(stored)} in its row of `written` for the number and the time of "
                f"its last change, and there was none such: {PUT_BACK}"
            )
        if state.changes:
            return state
    return KeyFileState(0, path.stat().st_mtime_ns // 1000)


def read_known_log(connection: apsw.Connection) -> LogEnd:
    """Where the log ended by a key file; one that an earlier release wrote says nothing.

    Raises:
        Damaged: what is stored is none.
    """
    if row(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'known_log'") is None:
        return LogEnd()
    stored = row(connection, "SELECT size, leaf FROM known_log")
    size, leaf = LogEnd() if stored is None else stored
    if not (isinstance(size, int) and 0 <= size < MOST_CHANGES and isinstance(leaf, bytes)):
        raise Damaged(
            f"{KEYS_FILE} has {shorten(stored)} in its row of `known_log` for the size of the log and "
            f"its last leaf, and there was none such: {PUT_BACK}"
        )
    return LogEnd(size, leaf)


def read_root_record(connection: apsw.Connection) -> RootRecord | None:
    """What a key file has of its root key; None where that was never rotated.

    Raises:
        Damaged: what is stored is no such record.
    """
    if row(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'root_key'") is None:
        return None
    stored = row(connection, "SELECT record FROM root_key WHERE id = 0")
    return None if stored is None else RootRecord.from_text(stored[0], KEYS_FILE)


def subject_ids(connection: apsw.Connection) -> set[tuple[str, bytes]]:
    """Every (tenant, subject) that has a key in a key file.

    Raises:
        Damaged: a subject there is none.
    """
    stored = list(rows(connection, "SELECT tenant, subject FROM subject_key"))
    for tenant, subject in stored:
        if not (isinstance(tenant, str) and isinstance(subject, bytes)):
            raise Damaged(
                f"{KEYS_FILE} has {shorten(subject)} of {shorten(tenant)} in subject_key for a "
                f"subject: {PUT_BACK}"
            )
    return set(stored)


def tenant_ids(connection: apsw.Connection) -> set[str]:
    """Every tenant that has a key of its own in a key file.

    Raises:
        Damaged: a tenant there is none.
    """
    sql = "SELECT tenant FROM tenant_key WHERE place = 0"
    stored = [tenant for (tenant,) in rows(connection, sql)]
    for tenant in stored:
        if not isinstance(tenant, str):
            raise Damaged(
                f"{KEYS_FILE} has {shorten(tenant)} in tenant_key for a tenant: {PUT_BACK}"
            )
    return set(stored)


def moment(time: int) -> str:
    """A time of a key file as people read it."""
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="seconds")
