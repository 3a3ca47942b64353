"""A rollback is all or nothing for the cube that it names, and is undone by its operation id."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos import Held, Memory, NotFound
from tests.scenarios.place import read, texts


def states(memory: Memory, *cube_ids: str) -> list[tuple[str, str]]:
    """Text and state of memories."""
    found = [read(memory, cube_id, any_state=True) for cube_id in cube_ids]
    return [(cube.text, cube.state) for cube in found]


def test_a_refused_rollback_changes_nothing(memory: Memory, tenant: str) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    memory.update(cube, "two")
    derived = memory.add("made of two", scope=tenant, derived_from=[cube]).cube_id
    memory.freeze(cube)
    before = len([*memory.events(scope=tenant)])
    for dry_run in (True, False):
        with pytest.raises(Held, match="nothing was changed") as refused:
            memory.rollback(cube, to_version=1, dry_run=dry_run)
        assert refused.value.cube_ids == (cube,)
    assert states(memory, cube, derived) == [("two", "Frozen"), ("made of two", "Generated")]
    assert len([*memory.events(scope=tenant)]) == before
    memory.thaw(cube)
    assert len(memory.rollback(cube, to_version=1).changes) == 2


def test_a_rollback_tells_beforehand_what_will_refuse(memory: Memory, tenant: str) -> None:
    held, free = (
        memory.add(f"hoax {n}", scope=tenant, source="web:hoax").cube_id for n in range(2)
    )
    memory.freeze(held)
    planned = memory.rollback(source="web:hoax", scope=tenant, dry_run=True)
    done = memory.rollback(source="web:hoax", scope=tenant)
    for report in (planned, done):
        assert [change.cube_id for change in report.changes] == [free]
        assert [(no.cube_id, no.reason) for no in report.rejected] == [(held, "frozen")]


def test_a_rollback_is_undone_and_done_again_by_its_operation_id(
    memory: Memory, tenant: str
) -> None:
    good = memory.add("The sky is blue.", scope=tenant, tags=["sky"], priority=1).cube_id
    memory.update(good, "The sky is green.", source="web:hoax")
    bad = memory.add("So is the grass.", scope=tenant, source="web:hoax").cube_id
    other = memory.add("Fish swim.", scope=tenant).cube_id
    both = memory.merge([bad, other]).cube_id
    before = states(memory, good, bad, other, both)
    assert before[1:] == [
        ("So is the grass.", "Merged"),
        ("Fish swim.", "Merged"),
        ("So is the grass.\nFish swim.", "Generated"),
    ]
    done = memory.rollback(source="web:hoax", scope=tenant)
    after = states(memory, good, bad, other, both)
    assert [state for _, state in after] == ["Generated", "Archived", "Activated", "Archived"]
    assert after[0][0] == "The sky is blue."

    (operation,) = done.operation_ids
    planned = memory.rollback(operation=operation, dry_run=True)
    undone = memory.rollback(operation=operation)
    assert [replace(change, text="", text_after="") for change in planned.changes] == list(
        undone.changes
    )
    assert {change.cube_id for change in undone.changes} == {good, bad, other, both}
    assert states(memory, good, bad, other) == before[:3]
    assert states(memory, both) == [(before[3][0], "Activated")]
    assert read(memory, good).source == "web:hoax"
    assert texts(memory.search("green", scope=tenant)) == ["The sky is green."]
    with pytest.raises(NotFound):
        memory.get(other)

    again = memory.rollback(operation=undone.operation_ids[0])
    assert {change.cube_id for change in again.changes} == {good, bad, other, both}
    assert states(memory, good, bad, other, both) == after
    assert memory.rollback(operation=undone.operation_ids[0]).changes == ()


def test_a_later_change_survives_the_undoing_of_a_rollback(memory: Memory, tenant: str) -> None:
    cube = memory.add("one", scope=tenant, tags=["a"]).cube_id
    memory.update(cube, "two")
    (operation,) = memory.rollback(cube, to_version=1).operation_ids
    memory.tag(cube, "b")
    memory.rollback(operation=operation)
    found = read(memory, cube)
    assert (found.text, found.tags) == ("two", ("a", "b"))
    (operation,) = memory.rollback(cube, to_version=1).operation_ids
    memory.update(cube, "three")
    memory.rollback(operation=operation)
    found = read(memory, cube)
    assert (found.text, found.tags) == ("three", ("a", "b"))


def test_a_source_that_was_changed_since_is_not_absorbed_again(memory: Memory, tenant: str) -> None:
    one, two = (memory.add(text, scope=tenant).cube_id for text in ("one", "two"))
    merged = memory.merge([one, two])
    done = memory.rollback(operation=merged.operation_id)
    memory.update(two, "two, and more")
    memory.rollback(operation=done.operation_ids[0])
    assert states(memory, one, two, merged.cube_id) == [
        ("one", "Merged"),
        ("two, and more", "Activated"),
        ("one\ntwo", "Activated"),
    ]


def test_a_header_that_a_rollback_took_back_comes_again(memory: Memory, tenant: str) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    memory.set_header(cube, priority=7)
    (operation,) = memory.rollback(cube, to_version=1).operation_ids
    assert read(memory, cube).priority == 0
    memory.rollback(operation=operation)
    assert read(memory, cube).priority == 7


def test_what_was_brought_back_by_hand_goes_out_of_sight_with_its_operation(
    memory: Memory, tenant: str
) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    memory.archive(cube)
    restored = memory.restore(cube)
    memory.rollback(operation=restored.operation_id)
    assert states(memory, cube) == [("one", "Archived")]
