"""Rows of a distributed vault that are changed behind its back, and put back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from memos import Memory
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.reports import Problem
from memos.infrastructure.vault.cassandra.comparison import Table, tables_of
from tests.embeddings import serving
from tests.fleet import Fleet, Servers

ALICE = "agent:alice"
FAR = 100
WRITE_TIMES = count(2**62 + 1)
Row = dict[str, Any]
ELSEWHERE = {
    "checkpoint": "rows behind",
    "note": "note",
    "ending": "ending and erasing",
    "erasing": "ending and erasing",
    "set_aside": "set_aside",
}
"""Tables that are looked at in another way, and under which reason what is not compared is told."""


class Change(NamedTuple):
    """A row of a table, before and after one of its columns is changed."""

    table: Table
    column: str
    before: Row
    after: Row

    def told(self, row: Row) -> str:
        """How a problem names a row."""
        key = ", ".join(f"{name} {_told(row[name])}" for name in self.table.key)
        return f"the row of {self.table.name} with {key} "


def _told(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


@contextmanager
def filled(servers: Servers, directory: Path) -> Iterator[Fleet]:
    """A vault with something in every table, whose audit finds nothing, and no worker."""
    with serving() as embeddings:
        fleet = Fleet(directory, servers, embedder=embeddings.section)
        try:
            fleet.make(ALICE)
            fleet.start_all()
            embedder = embeddings.embedder()
            with Memory(fleet.path, actor=ALICE, embedder=embedder) as memory:
                fill(memory)
                memory.usage_digest()
                memory.embed_pending()
            fleet.end()
            with Memory(fleet.path, actor=ALICE) as memory:
                assert memory.audit().problems == ()
            yield fleet
        finally:
            fleet.remove()


def fill(memory: Memory) -> None:
    cubes = [
        memory.add(
            f"Pottery number {n}. It is blue.",
            scope=f"acme/{n % 7}",
            source=f"web:blog/{n}",
            subject=f"subject {n}",
            tags=["craft"],
            idempotency_key=f"key {n}",
        ).cube_id
        for n in range(20)
    ]
    memory.add_many([{"text": f"Kiln {n}.", "scope": f"tenant{n}/a"} for n in range(8)])
    memory.update(cubes[0], "Pottery is green.", idempotency_key="an update")
    memory.set_lifespan(cubes[1], "90d")
    memory.freeze(cubes[4])
    for n in range(6, 18, 2):
        memory.merge([cubes[n], cubes[n + 1]])
    for n in range(5):
        memory.name_cut(f"cut {n}")
        memory.get(cubes[n])
    memory.add("Gone.", scope="acme/gone", subject="gone")
    memory.erase(subject="gone")
    memory.search("pottery", scope="acme")


def changed(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case bytes():
            return bytes([value[0] ^ 1, *value[1:]]) if value else b"\x01"
        case str():
            return f"{value}x"
        case UUID():
            return UUID(int=value.int ^ 1)
        case _:
            return FAR if value is None else value + FAR


def rounds_of(stores: Stores, keyspace: str) -> Iterator[list[Change]]:
    """A change of each column of each table, in rounds: none of them changes a row twice."""
    waiting = []
    for table in tables_of(stores.cassandra, keyspace).values():
        if table.name not in ELSEWHERE:
            waiting += [(table, column) for column in table.columns]
    while waiting:
        used: list[tuple[str, Row]] = []
        changes, left = [], []
        for table, column in waiting:
            rows = [
                row for row in rows_of(stores, keyspace, table) if (table.name, row) not in used
            ]
            rows.sort(key=lambda row: row[column] is None)
            if rows:
                used.append((table.name, rows[0]))
                after = {**rows[0], column: changed(rows[0][column])}
                changes.append(Change(table, column, rows[0], after))
            else:
                left.append((table, column))
        assert changes, f"there is no row to change: {left}"
        yield changes
        waiting = left


def rows_of(stores: Stores, keyspace: str, table: Table) -> list[Row]:
    cql = f"SELECT {', '.join(table.columns)} FROM {keyspace}.{table.name} LIMIT 200"
    return [dict(zip(table.columns, row, strict=True)) for row in stores.cassandra.execute(cql)]


@contextmanager
def altered(
    stores: Stores, keyspace: str, changes: Iterable[tuple[Table, Row, Row | None]]
) -> Iterator[None]:
    """Inside, rows are others, or gone."""
    made = list(changes)
    try:
        for table, before, after in made:
            put(stores, keyspace, table, before, after)
        yield
    finally:
        for table, before, after in made:
            put(stores, keyspace, table, after or before, before)


def put(stores: Stores, keyspace: str, table: Table, gone: Row, row: Row | None) -> None:
    """Put a row, or nothing, in the place of another.

    Keys are under lightweight transactions, whose clock is another than that of plain writes; those
    are under one that is above all that a worker writes.
    """
    serial = keyspace == stores.settings.cassandra.keyspace
    where = " AND ".join(f"{name} = ?" for name in table.key)
    using, if_there, if_not = (
        ("", " IF EXISTS", " IF NOT EXISTS") if serial else (" USING TIMESTAMP ?", "", "")
    )
    stores.cassandra.execute(
        f"DELETE FROM {keyspace}.{table.name}{using} WHERE {where}{if_there}",
        [*([] if serial else [next(WRITE_TIMES)]), *(gone[name] for name in table.key)],
    )
    if row is not None:
        columns, marks = ", ".join(table.columns), ", ".join("?" * len(table.columns))
        stores.cassandra.execute(
            f"INSERT INTO {keyspace}.{table.name} ({columns}) VALUES ({marks}){if_not}{using}",
            [*(row[name] for name in table.columns), *([] if serial else [next(WRITE_TIMES)])],
        )


def audited(vault: Fleet) -> str:
    """What an audit names, a line each."""
    with Memory(vault.path, actor=ALICE) as memory:
        return "\n".join(f"{problem.where}: {problem.what}" for problem in memory.audit().problems)


def verified(vault: Fleet) -> list[Problem]:
    with Memory(vault.path, actor=ALICE) as memory:
        return list(memory.verify().problems)
