"""Which state of its key file a vault was last used with: an older copy is known by it."""

from __future__ import annotations

import json

import apsw

from memos.infrastructure.keys.settings_seal import KEY_FILE, SEAL, Sealer, sealed
from memos.infrastructure.keys.sqlite.key_file import KeyFileState
from memos.infrastructure.sqlite.database import row, rows


def mark_of(connection: apsw.Connection) -> KeyFileState:
    """The state of the key file that the vault was last used with."""
    stored = row(connection, "SELECT value FROM setting WHERE name = ?", (KEY_FILE,))
    if stored is None:
        return KeyFileState(0, 0)
    try:
        return KeyFileState(*map(int, json.loads(stored[0])))
    except (TypeError, ValueError):
        return KeyFileState(0, 0)  # what is damaged says nothing; an audit names it


def keep_mark(writer: apsw.Connection, state: KeyFileState) -> None:
    """Remember a state of the key file, inside the write transaction."""
    writer.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (KEY_FILE, json.dumps(state)))


def settings_of(connection: apsw.Connection) -> dict[str, str]:
    """Every setting of a vault."""
    return dict(rows(connection, "SELECT name, value FROM setting"))


def seal_settings(writer: apsw.Connection, sealer: Sealer) -> None:
    """Seal the settings as they are now, inside the write transaction."""
    seal = sealed(sealer, settings_of(writer))
    writer.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (SEAL, seal))
