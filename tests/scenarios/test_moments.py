"""Reads of a moment: two ways to read it agree, later uses do not move it, and it tells a caller
who is narrowed to a tenant nothing of the rest of the vault.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memos import Memory, NotApplied, NotFound
from memos.kernel.event import Position
from tests.scenarios.place import Place, read, texts
from tests.waiting import wait_until


def test_a_hit_is_at_the_position_that_get_gives(memory: Memory, tenant: str) -> None:
    one, two, three, four = (
        memory.add(f"pottery {n}", scope=tenant, valid_from="2020-01-01").cube_id for n in range(4)
    )
    memory.update(one, "pottery anew", valid_from="2022-01-01")
    memory.set_header(two, priority=3)
    memory.link(four, one, "supersedes")  # changes nothing that an index holds
    memory.archive(three)
    memory.restore(three)
    middle = memory.link(one, three, "quoted_from").position
    memory.link(three, one, "quoted_from")
    memory.set_header(one, priority=9)
    last = memory.link(two, one, "quoted_from").position
    for moment in (
        {},
        {"as_of": middle},
        {"as_of": last},
        {"valid_at": "2021-01-01"},
        {"valid_at": "2023-01-01"},
    ):
        hits = memory.search("pottery", scope=tenant, **moment)
        assert len(hits) == 4
        for hit in hits:
            cube = read(memory, hit.cube_id, **moment)
            told = hit.position, hit.version, hit.changed, hit.text
            assert told == (cube.position, cube.version, cube.changed, cube.text), moment


def test_what_is_used_later_moves_no_read_of_an_earlier_moment(memory: Memory, tenant: str) -> None:
    used, idle = (memory.add(f"pottery {n}", scope=tenant).cube_id for n in range(2))
    for cube in (used, idle):
        memory.set_lifespan(cube, "1h", renewed_by_access=True, half_life="1m")
    for _ in range(2):
        read(memory, used)
    assert memory.stats().accesses >= 2  # what waited to be written is
    moment = memory.add("the moment", scope=f"{tenant}/later").position
    wait_until(lambda: read(memory, used, as_of=moment).uses == 2, "two uses are counted")

    def told() -> object:
        hits = memory.search("pottery", scope=tenant, as_of=moment)
        often = {"uses": {"gte": 2}}
        cube = read(memory, used, as_of=moment)
        return (
            [(hit.cube_id, hit.score) for hit in hits],
            texts(memory.search("pottery", scope=tenant, as_of=moment, filter=often)),
            (cube.uses, cube.last_used),
            read(memory, idle, as_of=moment).uses,
        )

    before = told()
    for _ in range(3):
        memory.search("pottery", scope=tenant)
    wait_until(lambda: read(memory, idle).uses >= 3, "three uses are counted")
    assert told() == before


def test_a_moment_tells_a_narrowed_caller_nothing_of_the_vault(
    place: Place, memory: Memory, tenant: str
) -> None:
    mine = memory.add("mine", scope=tenant)
    theirs = memory.add("theirs", scope=f"{tenant}x")
    secret = memory.add("secret", scope=tenant, readers=["agent:carol"])
    cut = f"cut of {tenant}"
    memory.name_cut(cut)
    bob = place.open("agent:bob", tenant=tenant)
    assert texts(bob.search("mine", scope=tenant, as_of=mine.position)) == ["mine"]
    assert read(bob, mine.cube_id, as_of=str(mine.position)).text == "mine"
    bob.wait_for(mine)
    nowhere = Position(theirs.position.partition, theirs.position.offset + 10_000_000)
    positions = [theirs.position, secret.position, nowhere]
    ways: list[tuple[Callable[[object], object], type[Exception], list[object]]] = [
        (lambda at: bob.search("x", scope=tenant, as_of=at), NotFound, [*positions]),  # type: ignore[arg-type]
        (lambda at: bob.get(mine.cube_id, as_of=at), NotFound, [*positions]),  # type: ignore[arg-type]
        (lambda at: bob.wait_for(at, seconds=0.1), NotApplied, [*positions]),  # type: ignore[arg-type]
        (lambda at: bob.tags(tenant, as_of=at), NotFound, [cut, "absent"]),  # type: ignore[arg-type]
        (lambda at: list(bob.events(since=at)), NotFound, [cut, "absent"]),  # type: ignore[arg-type]
        (lambda at: bob.rollback(cut=at), NotFound, [cut, "absent"]),  # type: ignore[arg-type]
    ]
    for ask, error, moments in ways:
        told = []
        for moment in moments:
            with pytest.raises(error) as refused:
                ask(moment)
            told.append(str(refused.value).replace(str(moment), "<moment>"))
        assert len(set(told)) == 1, told


def test_a_cut_beside_a_position_undoes_what_came_after_both(memory: Memory, tenant: str) -> None:
    first, second, third = (memory.add(f"pot {n}", scope=tenant).cube_id for n in range(3))
    memory.update(first, "spoilt")
    cut = f"beside {tenant}"
    memory.name_cut(cut)
    memory.update(second, "spoilt")
    since = memory.update(third, "spoilt").position
    for given in ({"cut": cut, "since": since}, {"cut": cut}):
        memory.rollback(scope=tenant, **given)
        undone = {"cut"} == given.keys()
        shown = [read(memory, cube).text for cube in (first, second, third)]
        assert shown == ["spoilt", "pot 1" if undone else "spoilt", "pot 2"]


def test_lineage_does_not_walk_past_what_is_hidden(
    place: Place, memory: Memory, tenant: str
) -> None:
    source = memory.add("source", scope=tenant).cube_id
    hidden = memory.add("between", scope=tenant, derived_from=[source]).cube_id
    behind = memory.add("behind", scope=tenant, derived_from=[hidden]).cube_id
    for cube in (behind, source):
        memory.set_header(cube, readers=[])
    memory.set_header(hidden, readers=["agent:carol"])
    bob = place.open("agent:bob")
    assert bob.lineage(source, depth=5).depth == {source: 0}
    assert bob.lineage(behind, depth=5).depth == {behind: 0}
    assert set(memory.lineage(source, depth=5).depth) == {source, hidden, behind}
