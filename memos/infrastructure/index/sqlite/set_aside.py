"""Texts that a model refuses while it embeds others: set aside by name, so that the others go on.

The table is made with the first of them. A row goes when its text gets its vectors, when its memory
is erased, and when the index is made anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import apsw

from memos.infrastructure.sqlite.statements import row, rows

TABLE = "index_set_aside"

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS {TABLE}(
    doc INTEGER NOT NULL,
    model INTEGER NOT NULL,
    cube_id BLOB NOT NULL,
    opened INTEGER NOT NULL,
    release TEXT NOT NULL,
    cause TEXT NOT NULL,
    PRIMARY KEY(doc, model)) WITHOUT ROWID;
"""
"""release: of MemOS, by which it was last tried. cause: the kind of the model's error."""


class SetAsideText(NamedTuple):
    """An indexed text that a model refuses."""

    doc: int
    cube_id: bytes
    opened: int
    cause: str


def is_used(connection: apsw.Connection, schema: str = "main") -> bool:
    """Whether anything was ever set aside in a vault."""
    sql = f"SELECT 1 FROM {schema}.sqlite_schema WHERE type = 'table' AND name = ?"
    return row(connection, sql, (TABLE,)) is not None


def set_aside(
    connection: apsw.Connection, model: int, release: str, texts: Iterable[SetAsideText]
) -> None:
    """Set texts aside, or note that they were tried again, inside the caller's transaction."""
    connection.execute(SCHEMA)
    connection.executemany(
        f"INSERT OR REPLACE INTO {TABLE} (doc, model, cube_id, opened, release, cause)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        ((text.doc, model, text.cube_id, text.opened, release, text.cause) for text in texts),
    )


def set_aside_cubes(connection: apsw.Connection, model: int) -> list[bytes]:
    """The cube of every text that a model refuses."""
    if not is_used(connection):
        return []
    sql = f"SELECT cube_id FROM {TABLE} WHERE model = ?"
    return [cube_id for (cube_id,) in rows(connection, sql, (model,))]


def set_aside_before(
    connection: apsw.Connection, model: int, release: str, most: int
) -> list[SetAsideText]:
    """Texts that a model refused, and that this release has not tried; at most so many."""
    if not is_used(connection):
        return []
    sql = (
        f"SELECT doc, cube_id, opened, cause FROM {TABLE} WHERE model = ? AND release <> ?"
        " ORDER BY doc LIMIT ?"
    )
    return [SetAsideText(*found) for found in rows(connection, sql, (model, release, most))]


def take_back(connection: apsw.Connection, docs: Iterable[int], model: int | None = None) -> None:
    """Texts that are set aside no longer, by one model or by all; in the caller's transaction."""
    if not is_used(connection):
        return
    sql = f"DELETE FROM {TABLE} WHERE doc = ?1 AND (?2 IS NULL OR model = ?2)"
    connection.executemany(sql, ((doc, model) for doc in docs))


def clear_set_aside(connection: apsw.Connection) -> None:
    """None is set aside: all are to be indexed anew."""
    if is_used(connection):
        connection.execute(f"DELETE FROM {TABLE}")
