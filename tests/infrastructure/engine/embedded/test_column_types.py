"""SQLite takes any value in any column: one of another type, or a number that nothing here writes, is
damage, and every door says so, in bounded time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from time import process_time
from typing import Any

import apsw
import pytest

from memos import Damaged, Memory, MemosError, Receipt, doctor

ANY = {
    "INTEGER": ("x'00'", "'text'", "-5", f"{2**62}"),
    "TEXT": ("x'fffe'", "CAST(x'ff' AS TEXT)", "'x y'"),
    "BLOB": ("'text'", "x''"),
    "REAL": ("x'00'",),
}
"""For the type of a column values that are of no such type, or that nothing here writes."""

MOST_SECONDS = 5.0
"""Of the processor, for all doors of a small vault: whatever a number says, nothing runs up to it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Receipt]:
    """A vault with something in most tables, and what was said of a memory of it."""
    path = tmp_path_factory.mktemp("typed") / "vault"
    with Memory(path, actor="agent:root") as memory:
        memory.keep_queries()
        kept = memory.add("alpha beta", scope="t/s", subject="ann", source="web:x", tags=["q"])
        memory.update(kept.cube_id, "alpha two")
        memory.add("made of alpha", scope="t/s", derived_from=[kept.cube_id])
        memory.name_cut("cut")
        memory.search("alpha", scope="t")
        gone = memory.add("gone", scope="t/s").cube_id
        memory.erase(cube_id=gone)
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return path, kept


def columns(path: Path) -> list[tuple[str, str, str]]:
    """Every column that declares a type: its table, its name and the type."""
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        named: list[Any] = connection.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'table'"
        ).fetchall()
        found: list[tuple[str, str, str]] = []
        for (table,) in named:
            told: list[Any] = connection.execute(f'PRAGMA table_info("{table}")').fetchall()
            found += [(table, name, kind) for _, name, kind, *_ in told if kind in ANY]
        return found


def spoil(path: Path, table: str, column: str, value: str) -> bool:
    """Put a value into every row of a column that takes it; whether any does."""
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        try:
            connection.execute(f"UPDATE OR IGNORE {table} SET {column} = {value}")
        except apsw.Error:  # a trigger, or a key that can only be a number
            return False
        return connection.changes() > 0


def doors(cube_id: str, event_id: str) -> list[Callable[[Memory], object]]:
    """What reads, then what writes."""
    return [
        lambda memory: memory.get(cube_id),
        lambda memory: memory.search("alpha", scope="t"),
        lambda memory: memory.search("alpha", scope="t", as_of="cut"),
        lambda memory: memory.context("alpha", scope="t"),
        lambda memory: memory.history(cube_id),
        lambda memory: memory.lineage(cube_id),
        lambda memory: list(memory.events()),
        lambda memory: memory.stats(),
        lambda memory: memory.list(order="changed"),
        lambda memory: memory.count(),
        lambda memory: memory.scopes(),
        lambda memory: memory.subjects(),
        lambda memory: memory.tags("t"),
        lambda memory: memory.accesses(cube_id=cube_id),
        lambda memory: memory.denials(),
        lambda memory: memory.queries("t"),
        lambda memory: memory.digest(),
        lambda memory: memory.usage_digest(),
        lambda memory: memory.verify(),
        lambda memory: memory.audit(),
        lambda memory: memory.verifier_key(),
        lambda memory: memory.checkpoint(),
        lambda memory: memory.prove(event_id),
        lambda memory: memory.prove_consistency(1),
        lambda memory: memory.sweep(),
        lambda memory: memory.add("more", scope="t/s"),
        lambda memory: memory.update(cube_id, "alpha three"),
        lambda memory: memory.erase(subject="ann"),
    ]


def test_any_value_in_any_column_is_a_result_or_a_typed_error_at_every_door(
    original: tuple[Path, Receipt], tmp_path: Path
) -> None:
    vault, kept = original
    asks = doors(kept.cube_id, kept.event_id)
    spoiled, told, bare = 0, 0, []
    for table, column, declared in columns(vault):
        for value in ANY[declared]:
            path = tmp_path / "copy"
            shutil.copytree(vault, path)
            if spoil(path, table, column, value):
                spoiled += 1
                begun = process_time()
                assert all(finding.mend for finding in doctor(path))
                try:
                    told += asked(path, asks)
                except Exception as error:  # noqa: BLE001 - which column it was is what is asked
                    bare.append((table, column, value, repr(error)))
                if process_time() - begun > MOST_SECONDS:
                    bare.append((table, column, value, "it takes long"))
            shutil.rmtree(path)
    assert bare == []
    assert spoiled > 150
    assert told > 200


def asked(path: Path, asks: list[Callable[[Memory], object]]) -> int:
    """How many doors say that the vault is damaged; none raises what has no type of ours."""
    told = 0
    try:
        with Memory(path, actor="agent:root", create=False) as memory:
            for ask in asks:
                try:
                    ask(memory)
                except MemosError as error:
                    told += isinstance(error, Damaged)
    except MemosError:
        told += 1
    return told


@pytest.mark.parametrize(
    ("change", "door"),
    [
        ("index_scope SET docs = 1000000000", lambda memory: memory.add("more", scope="t/s")),
        ("index_scope SET inverted = 1000000000", lambda memory: memory.search("alpha", scope="t")),
        (
            "index_state SET applied = applied + 1000",
            lambda memory: memory.add("more", scope="t/s"),
        ),
        ("attempt SET kind = 99", lambda memory: list(memory.events())),
        ("attempt SET reason = -5", lambda memory: memory.subjects()),
        (f"index_span SET length = {2**62}", lambda memory: memory.tags("t")),
        ("head SET lifecycle = 99", lambda memory: memory.stats()),
    ],
)
def test_a_number_that_cannot_be_is_damage_that_a_rebuild_mends(
    original: tuple[Path, Receipt], tmp_path: Path, change: str, door: Callable[[Memory], object]
) -> None:
    vault, _ = original
    path = tmp_path / "copy"
    shutil.copytree(vault, path)
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute(f"UPDATE {change}")
    with Memory(path, actor="agent:root") as memory:
        begun = process_time()
        assert not memory.audit().ok
        with pytest.raises(Damaged, match="run `memos rebuild`"):
            door(memory)
        assert process_time() - begun < MOST_SECONDS
        memory.rebuild()
        assert memory.audit().ok
        door(memory)
