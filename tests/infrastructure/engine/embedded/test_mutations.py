"""Every column of every table of a vault, changed once: an audit finds it, or says why it cannot.

Tables and columns come from the files themselves, so a new one cannot be forgotten.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest

from memos import Memory, MemosError, Verification, doctor
from memos.infrastructure.engine.embedded.full_audit import NOT_COMPARED
from memos.infrastructure.sqlite.statements import rows
from tests.embeddings import serving

ALICE = "agent:alice"
FAR = 1_000_003

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.filterwarnings("ignore:.*is an older one"),
]

NOT_FOUND = {
    ("access", "log_time"): "access",
    ("migrated", "offset"): "migrated",
    ("migrated", "origin"): "migrated",
    ("migrated", "first_offset"): "migrated",
    ("migrated", "first_log_time"): "migrated",
    ("index_model", "name"): "index_model: name",
    ("index_vector", "vector"): "index_vector: vector",
    ("index_scope", "purged"): "index_scope: purged",
    ("index_state", "purges"): "index_scope: purged",
    ("index_state", "cleared"): "index_scope: purged",
    ("sqlite_sequence", "seq"): "index_vector: vector",
    ("written", "id"): "keys.db: written",
    ("known_log", "id"): "keys.db: known_log",
    ("written", "changes"): "keys.db: written",
    ("written", "time"): "keys.db: written",
}
"""Columns of which a change may go unnoticed, and under which of the stated reasons."""

REMOVED_UNNOTICED = {
    "checkpoint": "checkpoint",
    "migrated": "migrated",
    "index_model": "index_model: name",
    "written": "keys.db: written",
    "known_log": "keys.db: known_log",
    "tenant_key": "keys.db: keys that no memory needs",
    "subject_key": "keys.db: keys that no memory needs",
}
"""Tables of which some row may be gone unnoticed, and under which of the stated reasons."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with something in nearly every table."""
    return made(tmp_path_factory.mktemp("small") / "vault", 6)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault with something in every table: a log of so many records fills whole tiles."""
    return made(tmp_path_factory.mktemp("original") / "vault", 1030)


def made(path: Path, others: int) -> Path:
    """A vault whose audit finds nothing, with so many memories of another tenant."""
    with (
        serving() as embeddings,
        Memory(path, actor=ALICE, embedder=embeddings.embedder()) as memory,
    ):
        fill(memory, others)
        assert memory.audit().problems == ()
    return path


def fill(memory: Memory, others: int) -> None:
    cubes = [
        memory.add(
            f"Pottery number {n}. It is blue.",
            scope=f"acme/{n % 2}",
            source=f"web:blog/{n}",
            subject=f"subject {n % 3}",
            tags=["craft"],
            idempotency_key=f"key {n}",
        ).cube_id
        for n in range(8)
    ]
    memory.add_many([{"text": f"Kiln {n % 8}.", "scope": "rival/a"} for n in range(others)])
    memory.update(cubes[0], "Pottery is green.", idempotency_key="an update")
    memory.set_lifespan(cubes[1], "90d")
    memory.freeze(cubes[4])
    memory.merge([cubes[3], cubes[5]])
    memory.link(cubes[6], cubes[0])
    memory.add("Gone.", scope="acme/gone", subject="gone")
    memory.erase(subject="gone")
    memory.name_cut("here")
    memory.checkpoint()
    for cube_id in cubes[6:]:
        memory.get(cube_id)
    memory.search("pottery", scope="acme")
    memory.embed_pending()
    memory.rotate_root_key()


def files(path: Path) -> Iterator[tuple[Path, str, list[str]]]:
    """Every table of a vault's files, with its columns."""
    for name in ("memos.db", "keys.db"):
        with closing(apsw.Connection(str(path / name))) as connection:
            sql = "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name"
            for (table,) in list(rows(connection, sql)):
                columns = rows(connection, f"SELECT name FROM pragma_table_info('{table}')")
                yield path / name, table, [column for (column,) in columns]


def smallest(small: Path, original: Path) -> Iterator[tuple[Path, Path, str, list[str]]]:
    """Every table that holds something, in the smaller of two vaults that has it: a vault, the file
    in it, the table and its columns.
    """
    filled = {(file.name, table) for file, table, _ in files(small) if not is_empty(file, table)}
    for vault in (small, original):
        for file, table, columns in files(vault):
            if ((file.name, table) in filled) == (vault == small):
                yield vault, file, table, columns


def is_empty(file: Path, table: str) -> bool:
    """Whether a table has no row."""
    with closing(apsw.Connection(str(file))) as connection:
        return connection.execute(f"SELECT 1 FROM {table}").fetchone() is None


def changed(value: Any) -> Any:
    """Another value of the same type."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1, *value[1:]]) if value else b"\x01"
    if isinstance(value, str):
        return f"{value}x"
    return 1 if value is None else value + 1


def in_copy(original: Path, tmp_path: Path) -> Path:
    copy = tmp_path / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(original, copy)
    return copy


def audited(path: Path) -> Verification | MemosError:
    """What an audit finds, or the typed error with which a damaged vault does not open."""
    try:
        with Memory(path, actor=ALICE) as memory:
            return memory.audit()
    except MemosError as error:
        return error


def row_of(connection: apsw.Connection, table: str) -> tuple[str, list[Any]]:
    """A condition that holds for one row of a table, and its values; the middle one by key."""
    sql = "SELECT name FROM pragma_table_info(?) WHERE pk > 0 ORDER BY pk"
    keys = [name for (name,) in rows(connection, sql, (table,))] or ["rowid"]
    listed = ", ".join(keys)
    stored = list(rows(connection, f"SELECT {listed} FROM {table} ORDER BY {listed}"))
    middle = stored[len(stored) // 2] if stored else ()
    return " AND ".join(f"{key} IS ?" for key in keys), list(middle)


@contextmanager
def unguarded(file: Path) -> Iterator[apsw.Connection]:
    """Whoever changes the file is not held by its triggers and checks; they are there again after."""
    with closing(apsw.Connection(str(file))) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        guards = list(
            rows(connection, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
        )
        for name, _ in guards:
            connection.execute(f"DROP TRIGGER {name}")
        yield connection
        for _, guard in guards:
            connection.execute(guard)


def change(file: Path, table: str, column: str) -> bool:
    """Change one value of a table; False where it has no row."""
    with unguarded(file) as connection:
        where, values = row_of(connection, table)
        if not values:
            return False
        ((value,),) = rows(connection, f"SELECT {column} FROM {table} WHERE {where}", values)
        sql = f"UPDATE {table} SET {column} = ? WHERE {where}"
        try:
            connection.execute(sql, (changed(value), *values))
        except apsw.ConstraintError:  # the next number is another row's
            connection.execute(sql, (value + FAR, *values))
    return True


def remove(file: Path, table: str) -> bool:
    """Remove one row of a table; False where it has none."""
    with unguarded(file) as connection:
        where, values = row_of(connection, table)
        if values:
            connection.execute(f"DELETE FROM {table} WHERE {where}", values)
    return bool(values)


def test_a_change_of_any_column_is_found_or_is_listed_as_not_compared(
    small: Path, original: Path, tmp_path: Path
) -> None:
    unnoticed = []
    for vault, source, table, columns in smallest(small, original):
        for column in columns:
            copy = in_copy(vault, tmp_path)
            if not change(copy / source.name, table, column):
                continue
            found = audited(copy)
            if isinstance(found, Verification) and found.ok and (table, column) not in NOT_FOUND:
                unnoticed.append((table, column))
    assert unnoticed == []


def test_a_row_that_is_gone_is_found_or_is_listed_as_not_compared(
    small: Path, original: Path, tmp_path: Path
) -> None:
    unnoticed = []
    for vault, source, table, _ in smallest(small, original):
        copy = in_copy(vault, tmp_path)
        if remove(copy / source.name, table):
            found = audited(copy)
            if isinstance(found, Verification) and found.ok and table not in REMOVED_UNNOTICED:
                unnoticed.append(table)
    assert unnoticed == []


def test_what_may_go_unnoticed_is_stated_with_its_reason() -> None:
    stated = list(NOT_COMPARED)
    for named in {*NOT_FOUND.values(), *REMOVED_UNNOTICED.values()}:
        assert any(what.startswith(named) for what in stated), named
    assert all(NOT_COMPARED.values())


def test_every_table_holds_something_to_change(original: Path) -> None:
    empty = {table for file, table, _ in files(original) if is_empty(file, table)}
    assert empty <= {"migrated"}


def test_an_index_or_a_guard_that_is_gone_is_found(small: Path, tmp_path: Path) -> None:
    with closing(apsw.Connection(str(small / "memos.db"))) as connection:
        sql = (
            "SELECT type, name FROM sqlite_schema WHERE type IN ('index', 'trigger')"
            " AND sql IS NOT NULL"
        )
        made = connection.execute(sql).fetchall()
    for kind, name in made:
        copy = in_copy(small, tmp_path)
        with closing(apsw.Connection(str(copy / "memos.db"))) as connection:
            connection.execute(f"DROP {kind} {name}")
        found = audited(copy)
        assert isinstance(found, Verification), name
        assert f"{kind} {name}" in [problem.where for problem in found.problems]


def test_a_damaged_vault_raises_typed_errors_only(original: Path, tmp_path: Path) -> None:
    """What is gone of the rows that a vault has one of, or that lead to others."""
    for table in ("index_state", "frontier", "folded", "tile", "attempt", "access", "index_scope"):
        copy = in_copy(original, tmp_path)
        assert remove(copy / "memos.db", table)
        for call in CALLS:
            try:
                with Memory(copy, actor=ALICE) as memory:
                    call(memory)
            except MemosError:
                pass
        doctor(copy)


CALLS: tuple[Callable[[Memory], object], ...] = (
    lambda memory: memory.search("pottery", scope="acme"),
    lambda memory: memory.search("pottery", scope="acme", as_of="here"),
    lambda memory: [memory.prove(entry.event_id) for entry in memory.events(scope="acme")],
    lambda memory: memory.tags("acme"),
    lambda memory: memory.verify(),
    lambda memory: memory.add("New.", scope="acme/0"),
    lambda memory: memory.rebuild(),
)
