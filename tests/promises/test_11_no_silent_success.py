"""Promise 11: what was not done is an error; what is unknown is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memos import Held, IllegalMove, InvalidInput, Memory, NotFound


@pytest.mark.parametrize(
    "wanted",
    [
        {"colour": "red"},
        {"tag": "home"},
        {"metadata": {"a": 1}},
        {"tags": {"like": "h%"}},
        {"priority": {"gte": "high"}},
        {"state": "Sleeping"},
        {"created": {"gt": "soon"}},
        {"or": []},
        {"or": {"tags": "a"}},
        {"not": ["a"]},
        {"tags": {}},
        {"tags": {"in": "home"}},
        {"source": {"exists": "yes"}},
        {"tags": {"gt": "a"}},
        ["tags"],
    ],
)
def test_an_unknown_or_unfitting_filter_is_an_error(memory: Memory, wanted: Any) -> None:
    memory.add("pottery", scope="acme", tags=["home"])
    with pytest.raises(InvalidInput):
        memory.search("pottery", scope="acme", filter=wanted)


@pytest.mark.parametrize(
    "call",
    [
        lambda m, c: m.add_many([{"text": "x", "scope": "acme", "colour": "red"}]),
        lambda m, c: m.add("x", scope="acme", lifespan={"after": "1d", "until": "later"}),
        lambda m, c: m.add("x", scope="acme", lifespan={"after": "soon"}),
        lambda m, c: m.add(scope="acme"),
        lambda m, c: m.update(c),
        lambda m, c: m.update(c, reason="no change"),
        lambda m, c: m.update(c, "x", mode="replace"),
        lambda m, c: m.update(c, tags=["x"], mode="append"),
        lambda m, c: m.update(c, "x", expected_version=0),
        lambda m, c: m.update(c, "x", expected_version=True),
        lambda m, c: m.set_header(c),
        lambda m, c: m.tag(c),
        lambda m, c: m.untag(c),
        lambda m, c: m.link(c, c, "derived_from"),
        lambda m, c: m.link(c, c, "inspired_by"),
        lambda m, c: m.merge([c]),
        lambda m, c: m.merge([c, c]),
        lambda m, c: m.set_lifespan(c, after="1d", then="explode"),
        lambda m, c: m.rollback(),
        lambda m, c: m.rollback(c),
        lambda m, c: m.rollback(c, to_version=1, source="web:a"),
        lambda m, c: m.rollback(to_version=1),
        lambda m, c: m.erase(),
        lambda m, c: m.erase(subject="a", scope="acme"),
        lambda m, c: m.get(c, version=1, as_of="0:0"),
        lambda m, c: m.get("not an id"),
        lambda m, c: m.lineage(c, direction="sideways"),
        lambda m, c: m.lineage(c, depth=0),
        lambda m, c: m.search("x", scope="acme", k=0),
        lambda m, c: m.search("x", scope="acme", states=["Sleeping"]),
        lambda m, c: list(m.events(kind="Renamed")),
        lambda m, c: m.name_cut("0:7"),
        lambda m, c: m.name_cut("2023-05-08"),
        lambda m, c: m.name_cut(""),
    ],
)
def test_an_argument_that_does_not_fit_is_an_error_and_nothing_is_written(
    memory: Memory, call: Callable[[Memory, str], object]
) -> None:
    cube_id = memory.add("text", scope="acme").cube_id
    before = memory.stats().events
    with pytest.raises(InvalidInput):
        call(memory, cube_id)
    assert memory.stats().events == before


def test_an_unknown_argument_is_an_error(memory: Memory) -> None:
    with pytest.raises(TypeError):
        memory.search("x", scope="acme", fuzzy=True)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        memory.add("x", scope="acme", importance=1)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda m, c: m.restore(c), IllegalMove),
        (lambda m, c: m.thaw(c), IllegalMove),
        (lambda m, c: m.get(c, version=9), NotFound),
        (lambda m, c: m.diff(c, 1, 9), NotFound),
        (lambda m, c: m.rollback(c, to_version=9), NotFound),
        (lambda m, c: m.erase(subject="nobody"), NotFound),
        (lambda m, c: m.erase(scope="acme/none"), NotFound),
        (lambda m, c: m.prove("00000000-0000-7000-8000-000000000000"), NotFound),
        (lambda m, c: m.search("x", scope="acme", as_of="no such cut"), NotFound),
        (lambda m, c: m.search("x", scope="acme", as_of="0:999"), NotFound),
        (lambda m, c: m.rollback(cut="no such cut"), NotFound),
        (lambda m, c: list(m.events(since="no such cut")), NotFound),
    ],
)
def test_what_cannot_be_done_says_so(
    memory: Memory, call: Callable[[Memory, str], object], error: type[Exception]
) -> None:
    cube_id = memory.add("text", scope="acme").cube_id
    before = memory.digest()
    with pytest.raises(error) as told:
        call(memory, cube_id)
    assert len(str(told.value)) > 20
    assert memory.digest() == before


def test_a_hidden_memory_is_not_an_empty_answer(memory: Memory) -> None:
    cube_id = memory.add("text", scope="acme").cube_id
    memory.archive(cube_id)
    with pytest.raises(NotFound, match="Archived"):
        memory.get(cube_id)
    with pytest.raises(IllegalMove, match="restore"):
        memory.update(cube_id, "new")
    with pytest.raises(IllegalMove):
        memory.archive(cube_id)


def test_a_hold_refuses_every_change_aloud(memory: Memory) -> None:
    cube_id = memory.add("text", scope="acme", lifespan="1us").cube_id
    other = memory.add("other", scope="acme").cube_id
    memory.hold(cube_id)
    calls: list[Callable[[], object]] = [
        lambda: memory.update(cube_id, "x"),
        lambda: memory.tag(cube_id, "x"),
        lambda: memory.archive(cube_id),
        lambda: memory.freeze(cube_id),
        lambda: memory.set_header(cube_id, priority=1),
        lambda: memory.merge([cube_id, other]),
    ]
    before = memory.digest()
    for call in calls:
        with pytest.raises(Held):
            call()
    assert memory.digest() == before
    # These two are events of their own: the refused attempt stays as evidence.
    with pytest.raises(Held):
        memory.rollback(cube_id, to_version=1)
    with pytest.raises(Held):
        memory.erase(cube_id=cube_id)
    assert memory.get(cube_id, any_state=True).text == "text"  # type: ignore[union-attr]
    assert memory.sweep().archived == ()
    assert memory.get(cube_id, any_state=True).state == "Frozen"


def test_an_operation_over_several_says_what_was_refused(memory: Memory) -> None:
    free = memory.add("one", scope="acme", source="web:a")
    held = memory.add("two", scope="acme", source="web:a")
    memory.freeze(held.cube_id)
    undone = memory.rollback(source="web:a")
    assert [change.cube_id for change in undone.changes] == [free.cube_id]
    assert [(no.cube_id, no.reason) for no in undone.rejected] == [(held.cube_id, "frozen")]


@pytest.mark.parametrize("dry_run", [None, 0, 1, [], "False", "yes"])
def test_a_rollback_is_planned_or_done_and_nothing_in_between(memory: Memory, dry_run: Any) -> None:
    cube = memory.add("one", scope="acme", source="web:hoax").cube_id
    memory.update(cube, "two")
    before = memory.digest()
    calls: list[Callable[[], object]] = [
        lambda: memory.rollback(source="web:hoax", dry_run=dry_run),
        lambda: memory.rollback(cube, to_version=1, dry_run=dry_run),
    ]
    for call in calls:
        with pytest.raises(InvalidInput, match="dry_run"):
            call()
    assert memory.digest() == before


def test_a_rollback_of_a_cube_takes_no_scope(memory: Memory) -> None:
    cube = memory.add("one", scope="acme").cube_id
    memory.update(cube, "two")
    before = memory.digest()
    with pytest.raises(InvalidInput, match="scope"):
        memory.rollback(cube, to_version=1, scope="zz/q")
    assert memory.digest() == before
