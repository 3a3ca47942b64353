"""The key file with values that no release wrote: every door answers, or says which row is damaged."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from memos import Damaged, KeysMissing, Memory, MemosError, doctor
from memos.infrastructure.sqlite.statements import rows

ALICE = "agent:alice"

pytestmark = pytest.mark.filterwarnings("ignore:.*is an older one")

VALUES = {
    "null": "NULL",
    "a text": "'text'",
    "no text": "CAST(x'ff' AS TEXT)",
    "a blob": "x'00'",
    "a fraction": "0.5",
    "negative": "-7",
    "huge": str(2**63 - 1),
}

COLUMNS = {
    "tenant_key": ("tenant", "place", "wrapped"),
    "subject_key": ("tenant", "subject", "wrapped"),
    "written": ("id", "changes", "time"),
    "known_log": ("id", "size", "leaf"),
    "root_key": ("id", "record"),
}

WITHOUT_MEANING = {("written", "id"), ("known_log", "id"), ("root_key", "id")}
"""Columns of which nothing is read."""

CALLS: dict[str, Callable[[Memory, str, Path], object]] = {
    "get": lambda memory, cube_id, _: memory.get(cube_id),
    "search": lambda memory, *_: memory.search("pottery", scope="acme"),
    "add for the subject": lambda memory, *_: memory.add("New.", scope="acme/a", subject="ann"),
    "add for another": lambda memory, *_: memory.add("New.", scope="acme/a", subject="new"),
    "add elsewhere": lambda memory, *_: memory.add("New.", scope="new/a"),
    "verify": lambda memory, *_: memory.verify(),
    "audit": lambda memory, *_: memory.audit(),
    "rebuild": lambda memory, *_: memory.rebuild(),
    "export": lambda memory, _, path: memory.export(path / "out", passphrase="secret"),
    "erase": lambda memory, *_: memory.erase(subject="ann"),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, set[str]]:
    """A vault with one tenant and one subject, whose key file lets any value in; a memory of it; and
    what is said of tables that were made so.
    """
    path = tmp_path_factory.mktemp("keys") / "vault"
    with Memory(path, actor=ALICE) as memory:
        kept = memory.add("Pottery on Mondays.", scope="acme/a", subject="ann").cube_id
        memory.rotate_root_key()
    with closing(apsw.Connection(str(path / "keys.db"))) as connection:
        for table, columns in COLUMNS.items():
            stored = list(rows(connection, f"SELECT {', '.join(columns)} FROM {table}"))
            declared = rows(connection, "SELECT name, type FROM pragma_table_info(?)", (table,))
            typed = ", ".join(f"{name} {kind}" for name, kind in list(declared))
            connection.execute(f"DROP TABLE {table}")
            connection.execute(f"CREATE TABLE {table} ({typed})")
            marks = ", ".join("?" * len(columns))
            connection.executemany(f"INSERT INTO {table} VALUES ({marks})", stored)
    with Memory(path, actor=ALICE) as memory:
        assert memory.search("pottery", scope="acme")
        known = {problem.what for problem in (*memory.verify().problems, *memory.audit().problems)}
    return path, kept, known | {finding.what for finding in doctor(path)}


def test_a_damaged_record_of_the_root_key_is_told_by_the_doctor(
    original: tuple[Path, str, set[str]], tmp_path: Path
) -> None:
    shutil.copytree(original[0], tmp_path / "vault")
    with closing(apsw.Connection(str(tmp_path / "vault" / "keys.db"))) as connection:
        connection.execute("UPDATE root_key SET record = '{}'")
    told = [finding.what for finding in doctor(tmp_path / "vault")]
    assert any("the record of the root key in keys.db" in what for what in told)


def test_every_column_of_the_key_file_is_tried(tmp_path: Path) -> None:
    with Memory(tmp_path / "vault", actor=ALICE) as memory:
        memory.stats()
    with closing(apsw.Connection(str(tmp_path / "vault" / "keys.db"))) as connection:
        names = [name for (name,) in rows(connection, "SELECT name FROM sqlite_schema")]
        found = {
            name: tuple(
                column
                for (column,) in rows(connection, "SELECT name FROM pragma_table_info(?)", (name,))
            )
            for name in names
        }
    assert {name: columns for name, columns in found.items() if columns} == COLUMNS


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, cs in COLUMNS.items() for column in cs]
)
def test_a_value_that_no_release_wrote_is_told_with_its_file_and_what_to_do(
    original: tuple[Path, str, set[str]], tmp_path: Path, table: str, column: str, value: str
) -> None:
    source, cube_id, known = original
    path = tmp_path / "vault"
    shutil.copytree(source, path)
    with closing(apsw.Connection(str(path / "keys.db"))) as connection:
        connection.execute(f"UPDATE {table} SET {column} = {VALUES[value]}")
        assert connection.changes()
    told = [finding.what for finding in doctor(path)]
    for call in CALLS.values():
        try:
            with Memory(path, actor=ALICE, create=False) as memory:
                answer = call(memory, cube_id, tmp_path)
        except (Damaged, KeysMissing) as error:
            told.append(str(error))
            assert "keys.db" in told[-1]
            assert "back" in told[-1]
        else:
            told += [problem.what for problem in getattr(answer, "problems", ())]
    assert set(told) - known or (table, column) in WITHOUT_MEANING


@pytest.mark.parametrize("mark", ["[1, 1e400]", "[9e99, 1]", f"[{10**30}, 5]", "[null, 1]", "7"])
def test_a_mark_of_the_key_file_that_is_none_says_nothing(
    original: tuple[Path, str, set[str]], tmp_path: Path, mark: str
) -> None:
    source, cube_id, known = original
    path = tmp_path / "vault"
    shutil.copytree(source, path)
    with closing(apsw.Connection(str(path / "memos.db"))) as connection:
        connection.execute("UPDATE setting SET value = ? WHERE name = 'key_file'", (mark,))
        assert connection.changes() == 1
    doctor(path)
    with suppress(MemosError), Memory(path, actor=ALICE, create=False) as memory:
        assert memory.get(cube_id)
        assert not {problem.what for problem in memory.verify().problems} - known
        memory.add("New.", scope="acme/a", subject="new")
