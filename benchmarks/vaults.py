"""Vaults of a given size, and the rows that writing to them leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, cast

import apsw

from benchmarks.harness import progress
from benchmarks.texts import Texts, items
from memos import Memory
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.sqlite.connections import CACHE_KIB

BATCH = 1_000


def fill(memory: Memory, texts: Texts, first: int, count: int) -> list[str]:
    """Add memories in batches of 1,000; their ids."""
    ids: list[str] = []
    while len(ids) < count:
        size = min(BATCH, count - len(ids))
        batch = items(texts, first + len(ids), size)
        ids.extend(receipt.cube_id for receipt in memory.add_many(batch))
        if not len(ids) % 100_000:
            progress(f"{first + len(ids):,} memories written")
    return ids


def database_of(memory: Memory) -> Path:
    """The file that holds log, vault and index."""
    return memory.path / DATABASE_FILE


def writer_of(memory: Memory) -> apsw.Connection:
    """The connection that the vault writes over, to see what it writes."""
    return cast(EmbeddedEngine, memory._session.engine).stores.database.writer


class Statement(NamedTuple):
    """One statement with the values of each of its rows."""

    sql: str
    rows: list[tuple[object, ...]]


Rows = list[Statement]
"""All that one transaction wrote: ready-made bytes, table by table, in key order."""


def rows_of(memory: Memory, write: Callable[[], object]) -> Rows:
    """The rows that a write inserts and updates, as SQLite's session extension saw them."""
    connection = writer_of(memory)
    session = apsw.Session(connection, "main")
    session.attach()
    write()
    changes = session.changeset()
    session.close()
    columns: dict[str, list[str]] = {}
    found: dict[str, list[tuple[object, ...]]] = {}
    for change in apsw.Changeset.iter(changes):
        names = columns.get(change.name) or _columns(connection, change.name)
        columns[change.name] = names
        sql, values = _statement(change, names)
        found.setdefault(sql, []).append(values)
    return [Statement(sql, sorted(rows, key=_by_key)) for sql, rows in sorted(found.items())]


def _columns(connection: apsw.Connection, table: str) -> list[str]:
    return [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]


def _statement(change: apsw.TableChange, names: list[str]) -> tuple[str, tuple[object, ...]]:
    new, old = change.new, change.old
    if change.op == "INSERT" and new is not None:
        return f"INSERT INTO {change.name} VALUES ({','.join('?' * len(names))})", tuple(new)
    if change.op == "UPDATE" and new is not None and old is not None:
        changed = [at for at, value in enumerate(new) if value is not apsw.no_change]
        keys = sorted(change.pk_columns)
        sets = ", ".join(f"{names[at]} = ?" for at in changed)
        where = " AND ".join(f"{names[at]} = ?" for at in keys)
        values = tuple(new[at] for at in changed) + tuple(old[at] for at in keys)
        return f"UPDATE {change.name} SET {sets} WHERE {where}", values
    raise ValueError(f"a write of memories does not {change.op} in {change.name}")


def _by_key(row: tuple[object, ...]) -> tuple[tuple[bool, object], ...]:
    # A key stands in the first columns of every table here. NULL and bytes do not compare.
    return tuple((isinstance(value, bytes), value) for value in row[:3])


def bare(path: Path) -> apsw.Connection:
    """A connection of the floor: durable like the vault's, and nothing else."""
    connection = apsw.Connection(str(path))
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        f"cache_size=-{CACHE_KIB}",
        "wal_autocheckpoint=4000",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def insert(connection: apsw.Connection, rows: Iterable[Statement]) -> None:
    """The floor of a write: these rows in one durable transaction."""
    connection.execute("BEGIN IMMEDIATE")
    for statement in rows:
        connection.executemany(statement.sql, statement.rows)
    connection.execute("COMMIT")
