"""The tables of the key file, and what can be read of it without a key."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import apsw

from memos.infrastructure.sqlite.database import row, rows
from memos.kernel.errors import Damaged

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


class KeyFileState(NamedTuple):
    """Up to which change a key file is, and when that was made (microseconds since 1970)."""

    changes: int
    time: int


def read_written(connection: apsw.Connection, path: Path) -> KeyFileState:
    """The state of a key file; one that no release with states wrote has the file's own time."""
    if row(connection, "SELECT 1 FROM sqlite_schema WHERE name = 'written'") is not None:
        stored = row(connection, "SELECT changes, time FROM written")
        if stored is not None and stored[0]:
            return KeyFileState(*stored)
    return KeyFileState(0, path.stat().st_mtime_ns // 1000)


def subject_ids(connection: apsw.Connection) -> set[tuple[str, bytes]]:
    """Every (tenant, subject) that has a key in a key file.

    Raises:
        Damaged: a subject there is none.
    """
    stored = list(rows(connection, "SELECT tenant, subject FROM subject_key"))
    for tenant, subject in stored:
        if not (isinstance(tenant, str) and isinstance(subject, bytes)):
            raise Damaged(
                f"{KEYS_FILE} has {subject!r} of {tenant!r} for a subject: put the file back from "
                "your backup"
            )
    return set(stored)


def moment(time: int) -> str:
    """A time of a key file as people read it."""
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="seconds")
