"""SQLite takes any value in any column: one of another type is damage, and every door says so."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from memos import Memory, MemosError, doctor

OTHER = {"INTEGER": "x'00'", "TEXT": "CAST(x'ff' AS TEXT)", "BLOB": "'text'", "REAL": "x'00'"}
"""For the type of a column a value that is of no such type, or a text that is none."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A vault with something in most tables, and the id of a memory of it."""
    path = tmp_path_factory.mktemp("typed") / "vault"
    with Memory(path, actor="agent:root") as memory:
        kept = memory.add("alpha beta", scope="t/s", subject="ann", source="web:x", tags=["q"])
        memory.update(kept.cube_id, "alpha two")
        memory.add("made of alpha", scope="t/s", derived_from=[kept.cube_id])
        memory.name_cut("cut")
        memory.search("alpha", scope="t")
        gone = memory.add("gone", scope="t/s").cube_id
        memory.erase(cube_id=gone)
    return path, kept.cube_id


def columns(path: Path) -> list[tuple[str, str, str]]:
    """Every column that declares a type: its table, its name and the type."""
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        named: list[Any] = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall()
        found: list[tuple[str, str, str]] = []
        for (table,) in named:
            told: list[Any] = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            found += [(table, name, kind) for _, name, kind, *_ in told if kind in OTHER]
        return found


def spoil(path: Path, table: str, column: str, value: str) -> bool:
    """Put a value into every row of a column; whether the table takes it."""
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        try:
            connection.execute(f"UPDATE {table} SET {column} = {value}")
        except apsw.Error:  # a key, of which there are several
            return False
        return connection.changes() > 0


def test_a_value_of_another_type_in_any_column_is_a_result_or_a_typed_error_at_every_door(
    original: tuple[Path, str], tmp_path: Path
) -> None:
    vault, cube_id = original
    asks: list[Callable[[Memory], object]] = [
        lambda memory: memory.get(cube_id),
        lambda memory: memory.search("alpha", scope="t"),
        lambda memory: memory.history(cube_id),
        lambda memory: memory.lineage(cube_id),
        lambda memory: list(memory.events()),
        lambda memory: memory.stats(),
        lambda memory: memory.list(order="changed"),
        lambda memory: (memory.count(), memory.scopes(), memory.subjects()),
        lambda memory: memory.accesses(cube_id=cube_id),
        lambda memory: memory.audit(),
        lambda memory: memory.add("more", scope="t/s"),
    ]
    spoiled, told = 0, 0
    for table, column, declared in columns(vault):
        path = tmp_path / f"{table}-{column}"
        shutil.copytree(vault, path)
        if spoil(path, table, column, OTHER[declared]):
            spoiled += 1
            assert all(finding.mend for finding in doctor(path))
            for ask in asks:
                try:
                    with Memory(path, actor="agent:root", create=False) as memory:
                        ask(memory)
                except MemosError as error:
                    told += "another type" in str(error) or "of the type" in str(error)
        shutil.rmtree(path)
    assert spoiled > 40
    assert told > 40
