"""What is kept of queries ends with its time, whether or not anybody asks again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memos import Damaged, Memory
from memos.infrastructure.governance.query_keys import DAY
from memos.infrastructure.sqlite.statements import rows

ALICE, SCOPE = "agent:alice", "acme/alice"


class Clock:
    """Goes on by a microsecond a look, and by days where told to."""

    def __init__(self) -> None:
        self.now = 20_000 * DAY

    def __call__(self) -> int:
        self.now += 1
        return self.now


def stored(path: Path) -> tuple[int, int, int, int]:
    """How many keys of subjects and of days, texts, cubes of theirs and erased scopes are there."""
    with (
        closing(apsw.Connection(str(path / "keys.db"))) as keys,
        closing(apsw.Connection(str(path / "memos.db"))) as database,
    ):
        return (
            count(keys, "subject_key"),
            count(database, "query_text"),
            count(database, "query_cube"),
            count(database, "query_erased"),
        )


def count(connection: apsw.Connection, table: str) -> int:
    (size,) = next(rows(connection, f"SELECT count(*) FROM {table}"))
    return int(size)


def sweep(memory: Memory, cube_id: str) -> None:
    memory.sweep()


def read(memory: Memory, cube_id: str) -> None:
    memory.get(cube_id)
    memory._session.access_log.flush()


@pytest.mark.parametrize("does", [sweep, read])
def test_what_was_asked_is_gone_in_a_vault_that_is_used_and_asked_nothing(
    tmp_path: Path, does: Callable[[Memory, str], None]
) -> None:
    clock = Clock()
    with Memory(tmp_path / "v", actor=ALICE, clock=clock) as memory:
        cube_id = asked(memory)
        assert stored(tmp_path / "v") == (2, 1, 1, 1)
        clock.now += 6 * DAY
        does(memory, cube_id)
        assert stored(tmp_path / "v") == (2, 1, 1, 1)
        clock.now += 2 * DAY
        does(memory, cube_id)
        assert stored(tmp_path / "v") == (2, 0, 0, 0)
        clock.now += 30 * DAY
        does(memory, cube_id)
        assert stored(tmp_path / "v") == (1, 0, 0, 0)


@pytest.mark.parametrize("pause", [200, 2000])
def test_what_was_asked_is_gone_when_a_vault_is_opened(tmp_path: Path, pause: int) -> None:
    clock = Clock()
    with Memory(tmp_path / "v", actor=ALICE, clock=clock) as memory:
        asked(memory)
    clock.now += pause * DAY
    with Memory(tmp_path / "v", actor=ALICE, clock=clock, mode="read"):
        pass
    assert stored(tmp_path / "v") == (2, 1, 1, 1)
    with Memory(tmp_path / "v", actor=ALICE, clock=clock) as memory:
        assert stored(tmp_path / "v") == (1, 0, 0, 0)
        assert memory.audit().problems == ()


@pytest.mark.parametrize("value", ["x y", "-1", "9" * 5000, 5.5])
def test_a_vault_that_says_no_lifetime_opens_and_is_told_it_again(
    tmp_path: Path, value: object
) -> None:
    with Memory(tmp_path / "v", actor=ALICE) as memory:
        asked(memory)
    with closing(apsw.Connection(str(tmp_path / "v" / "memos.db"))) as database:
        database.execute("UPDATE setting SET value = ? WHERE name = 'query_texts'", (value,))
    with Memory(tmp_path / "v", actor=ALICE) as memory:
        with pytest.raises(Damaged, match="keep_queries writes it again"):
            memory.queries("acme")
        memory.keep_queries("7d")
        assert [query.text for query in memory.queries("acme")] == ["kiln?"]


def asked(memory: Memory) -> str:
    """Ask something in a vault that keeps texts, and erase something else; the memory that was found."""
    memory.keep_queries("7d")
    cube_id = memory.add("the kiln is hot", scope=SCOPE).cube_id
    memory.add("gone", scope="acme/bob", subject="bob")
    memory.erase(scope="acme/bob")
    memory.search("kiln?", scope=SCOPE)
    memory._session.access_log.flush()
    return cube_id
