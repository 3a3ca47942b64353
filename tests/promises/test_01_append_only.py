"""Promise 1: no event is changed or removed. Erasure destroys keys, not events."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from memos import Memory


def stored_events(vault: Path) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(vault / "memos.db"))
    try:
        return list(connection.execute("SELECT offset, log_time, data, leaf FROM event"))
    finally:
        connection.close()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM event",
        "DELETE FROM event WHERE offset = 0",
        "UPDATE event SET log_time = log_time + 1",
        "UPDATE event SET data = x'00' WHERE offset = 0",
        "UPDATE event SET offset = offset + 1000",
        "INSERT OR REPLACE INTO event SELECT offset, 0, data, leaf FROM event WHERE offset = 0",
    ],
)
def test_the_log_refuses_every_change_of_what_it_holds(
    memory: Memory, vault: Path, sql: str
) -> None:
    for n in range(3):
        memory.add(f"memory {n}", scope="acme")
    before = stored_events(vault)
    connection = apsw.Connection(str(vault / "memos.db"))
    with pytest.raises(apsw.ConstraintError, match="append-only"):
        connection.execute(sql)
    connection.close()
    assert stored_events(vault) == before


def test_every_operation_only_adds_events(memory: Memory, vault: Path) -> None:
    first = memory.add("one", scope="acme", source="web:a", subject="ann")
    second = memory.add("two", scope="acme")
    seen = stored_events(vault)
    steps: list[Callable[[], object]] = [
        lambda: memory.update(first.cube_id, "one, corrected"),
        lambda: memory.tag(first.cube_id, "home"),
        lambda: memory.archive(second.cube_id),
        lambda: memory.restore(second.cube_id),
        lambda: memory.merge([first.cube_id, second.cube_id]),
        lambda: memory.rollback(source="web:a"),
        lambda: memory.erase(subject="ann"),
        memory.rebuild,
    ]
    for step in steps:
        step()
        now = stored_events(vault)
        assert now[: len(seen)] == seen
        seen = now
    assert memory.verify().ok


def test_a_record_that_was_forged_around_the_triggers_is_named(memory: Memory, vault: Path) -> None:
    receipt = memory.add("the truth", scope="acme")
    memory.add("something else", scope="acme")
    connection = apsw.Connection(str(vault / "memos.db"))
    connection.execute("DROP TRIGGER event_is_never_changed")
    connection.execute("UPDATE event SET log_time = log_time - 1 WHERE offset = 0")
    connection.close()
    found = memory.verify()
    assert [problem.where for problem in found.problems] == [
        "trigger event_is_never_changed",
        str(receipt.position),
    ]
