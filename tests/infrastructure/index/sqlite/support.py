"""A vault file with the index's tables, and connections to it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import apsw

from memos.infrastructure.index.port import SpanChange
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.infrastructure.index.sqlite.tables import create_tables
from memos.language.indexed_text import IndexedText

GENERATED, ARCHIVED = 1, 4


def connect(path: Path) -> apsw.Connection:
    connection = apsw.Connection(str(path))
    connection.set_busy_timeout(10_000)
    connection.pragma("journal_mode", "wal")
    connection.pragma("secure_delete", 1)
    return connection


class Vault:
    """One process's side of a vault: a writer, and as many readers as asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connection = connect(path)
        create_tables(self.connection)
        self.index = self.open()

    def open(self, cache_bytes: int = 2**20) -> SqliteIndex:
        """An index with empty caches and a reading connection of its own."""
        reader = connect(self.path)
        return SqliteIndex(self.connection, lambda: reader, cache_bytes)

    def apply(self, *changes: SpanChange) -> None:
        with self.connection:
            self.index.apply(changes)

    def rows(self, table: str) -> list[tuple[object, ...]]:
        return list(self.connection.execute(f"SELECT * FROM {table}"))


def text(terms: dict[int, int] | Sequence[int]) -> IndexedText:
    counted = terms if isinstance(terms, dict) else dict.fromkeys(terms, 1)
    return IndexedText(counted, sum(counted.values()))


def change(
    cube: int,
    offset: int,
    terms: dict[int, int] | Sequence[int] | None = None,
    scope: str = "acme/a",
    state: int = GENERATED,
    version: int = 1,
    flags: int = 0,
) -> SpanChange:
    indexed = None if terms is None else text(terms)
    return SpanChange(cube_id(cube), scope, offset, version, state, flags, indexed)


def cube_id(cube: int) -> bytes:
    return cube.to_bytes(16, "big")
