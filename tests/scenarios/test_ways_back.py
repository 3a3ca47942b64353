"""What an error names as the way back works, for whom it is named to."""

from __future__ import annotations

from typing import Any

import pytest

from memos import Denied, Forgotten, IllegalMove, Memory, NotFound
from tests.scenarios.place import Place, read


@pytest.mark.parametrize("hides", [{"readers": ["agent:eve"]}, {"writers": ["agent:eve"]}])
def test_an_owner_gets_a_memory_back_from_the_merge_of_another(
    place: Place, memory: Memory, tenant: str, hides: dict[str, Any]
) -> None:
    bob, eve = place.open("agent:bob"), place.open("agent:eve")
    mine = bob.add("Bob's own.", scope=tenant).cube_id
    merged = eve.merge([mine, eve.add("Eve's.", scope=tenant).cube_id]).cube_id
    eve.set_header(merged, **hides)
    with pytest.raises(NotFound, match=r"undo its merge.*archive and restore this one"):
        bob.get(mine)
    with pytest.raises(IllegalMove, match=r"undo its merge.*archive and restore this one"):
        bob.restore(mine)
    (change,) = (one for one in bob.history(mine) if one.entry.kind == "Merged")
    with pytest.raises(Denied, match="by archive and restore"):
        bob.rollback(operation=change.entry.operation_id)
    bob.archive(mine)
    bob.restore(mine)
    assert read(bob, mine).text == "Bob's own."
    assert [hit.cube_id for hit in bob.search("own", scope=tenant)][:1] == [mine]
    assert read(eve, merged).state == "Generated"
    memory.rollback(operation=change.entry.operation_id)
    assert memory.audit().ok


@pytest.mark.parametrize("then", ["archive", "expire", "erase"])
def test_what_has_outlived_its_lifespan_is_restored_once_it_has_another(
    memory: Memory, tenant: str, then: str
) -> None:
    brief = memory.add("brief", scope=tenant, lifespan={"after": "1us", "then": then}).cube_id
    with pytest.raises(NotFound, match=r"outlived its lifespan.*set_lifespan"):
        memory.get(brief)
    with pytest.raises(IllegalMove, match=r"outlived its lifespan.*set_lifespan"):
        memory.restore(brief)
    memory.archive(brief)
    with pytest.raises(NotFound, match=r"Archived.*set_lifespan.*restore it"):
        memory.get(brief)
    version = read(memory, brief, any_state=True).version
    with pytest.raises(IllegalMove, match=r"outlived its lifespan.*set_lifespan"):
        memory.restore(brief)
    assert read(memory, brief, any_state=True).version == version
    memory.set_lifespan(brief, "90d")
    memory.restore(brief)
    assert read(memory, brief).text == "brief"


def test_what_a_sweep_erases_it_does_not_say_that_it_brought_back(
    memory: Memory, tenant: str
) -> None:
    span = {"after": "1us", "then": "erase"}
    both = [memory.add(f"brief {n}", scope=tenant, lifespan=span).cube_id for n in range(2)]
    merged = memory.merge(both).cube_id
    swept = memory.sweep()
    assert {*both, merged} <= set(swept.erased)
    assert not set(swept.restored) & set(swept.erased)
    for cube_id in (*both, merged):
        assert isinstance(memory.get(cube_id, any_state=True), Forgotten)
