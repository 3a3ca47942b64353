"""Which state of its key file a vault was last used with, and which log a key file: an older copy of
either is known by the other.
"""

from __future__ import annotations

import json

import apsw

from memos.infrastructure.keys.settings_seal import KEY_FILE, SEAL, Sealer, sealed
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, KeyFileState, LogEnd, moment
from memos.infrastructure.sqlite.statements import row, rows


def mark_of(connection: apsw.Connection) -> KeyFileState:
    """The state of the key file that the vault was last used with."""
    stored = row(connection, "SELECT value FROM setting WHERE name = ?", (KEY_FILE,))
    if stored is None:
        return KeyFileState(0, 0)
    try:
        state = KeyFileState.of(*json.loads(stored[0]))
    except (TypeError, ValueError):
        state = None
    return state or KeyFileState(0, 0)  # what is damaged says nothing; an audit names it


def keep_mark(writer: apsw.Connection, state: KeyFileState) -> None:
    """Remember a state of the key file, inside the write transaction."""
    writer.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (KEY_FILE, json.dumps(state)))


def log_end(connection: apsw.Connection, known: LogEnd) -> LogEnd:
    """Where the vault's log ends; `known` where that is of another log, or a later one."""
    if not holds(connection, known):
        return known
    stored = row(connection, "SELECT offset + 1, leaf FROM event ORDER BY offset DESC LIMIT 1")
    return LogEnd() if stored is None else LogEnd(*stored)


def holds(connection: apsw.Connection, known: LogEnd) -> bool:
    """Whether the vault's log has the record that its key file knows as the last."""
    if not known.size:
        return True
    stored = row(connection, "SELECT leaf FROM event WHERE offset = ?", (known.size - 1,))
    return stored == (known.leaf,)


def older_vault(connection: apsw.Connection, known: LogEnd) -> str:
    """What is wrong with a vault whose log does not have what its key file knows; empty for nothing."""
    if holds(connection, known):
        return ""
    return (
        f"it is an older one, or another: {KEYS_FILE} was last used with a log of {known.size} records, "
        "of which the last is not in this one"
    )


def older_key_file(written: KeyFileState, mark: KeyFileState) -> str:
    """What is wrong with a key file that the vault has seen a newer one of; empty for nothing."""
    if written.changes >= mark.changes:
        return ""
    return (
        f"{KEYS_FILE} is an older one, of {moment(written.time)} (change {written.changes}): the vault "
        f"was last used with that of {moment(mark.time)} (change {mark.changes})"
    )


def settings_of(connection: apsw.Connection) -> dict[str, str]:
    """Every setting of a vault."""
    return dict(rows(connection, "SELECT name, value FROM setting"))


def seal_settings(writer: apsw.Connection, sealer: Sealer) -> None:
    """Seal the settings as they are now, inside the write transaction."""
    seal = sealed(sealer, settings_of(writer))
    writer.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (SEAL, seal))
