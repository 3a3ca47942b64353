"""Looking for what is left of erased cubes in an embedded vault."""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from memos.infrastructure.sqlite.database import row

COPIES = ("cube_key", "usage", "index_cube", "index_vector")
"""The tables that hold, or lead to, what there is of a cube beside its events."""


def are_gone(connection: apsw.Connection, cube_ids: Sequence[bytes]) -> bool:
    """Whether no table has a key, a text, a vector or usage of these cubes."""
    return not any(
        row(connection, f"SELECT 1 FROM {table} WHERE cube_id = ?", (cube_id,))
        for table in COPIES
        for cube_id in cube_ids
    )
