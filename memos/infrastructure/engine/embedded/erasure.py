"""What is left of erases in an embedded vault: unfinished ones, and copies of what was erased."""

from __future__ import annotations

import time
from collections.abc import Sequence

import apsw

from memos.infrastructure.engine.embedded.listed_erases import is_behind
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.embedded.strange_objects import (
    strange_in_database,
    strange_in_key_file,
)
from memos.infrastructure.index.sqlite.set_aside import TABLE as SET_ASIDE
from memos.infrastructure.index.sqlite.set_aside import is_used
from memos.infrastructure.sqlite.statements import row

COPIES = ("cube_key", "usage", "index_cube", "index_vector")
"""The tables that hold, or lead to, what there is of a cube beside its events."""

CONFIRM_SECONDS = 10.0
"""How long an erase waits for readers that keep the write-ahead log from being overwritten."""

POLL_SECONDS = 0.05


class EmbeddedErasure:
    """See `engine.port.Erasure`."""

    def __init__(self, stores: EmbeddedStores) -> None:
        self._stores = stores

    def unfinished(self) -> list[bytes]:
        with self._stores.read() as reader:
            return reader.vault.erasing()

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        with self._stores.keys.file.reading() as keys:
            if any(strange_in_key_file(keys)):
                return False  # who knows what becomes of a key that is destroyed
        with self._stores.database.reading() as connection:
            tables = (*COPIES, SET_ASIDE) if is_used(connection) else COPIES
            return not any(strange_in_database(connection)) and not any(
                row(connection, f"SELECT 1 FROM {table} WHERE cube_id = ?", (cube_id,))
                for table in tables
                for cube_id in cube_ids
            )

    def is_behind_list(self) -> bool:
        return is_behind(self._stores)

    def complete_list(self) -> None:
        """Whoever erases in this vault lists it here."""

    def confirm(self) -> bool:
        """Overwrite what the write-ahead log still holds; wait for readers that keep it."""
        until = time.monotonic() + CONFIRM_SECONDS
        while not self._stores.database.checkpoint_wal():
            if time.monotonic() > until:
                return False
            time.sleep(POLL_SECONDS)
        return True


def erasure_receipt(connection: apsw.Connection, operation_id: bytes) -> str | None:
    """The receipt that is kept of an erase."""
    stored = row(connection, "SELECT receipt FROM erasure WHERE operation_id = ?", (operation_id,))
    return None if stored is None else str(stored[0])


def keep_erasure_receipt(connection: apsw.Connection, operation_id: bytes, receipt: str) -> str:
    """Keep the receipt of an erase where none is kept; the one that is."""
    connection.execute("INSERT OR IGNORE INTO erasure VALUES (?, ?)", (operation_id, receipt))
    return erasure_receipt(connection, operation_id) or receipt
