from __future__ import annotations

from pathlib import Path

import pytest

from memos import Denied, InvalidInput, Memory, NotFound
from tests.interface.asked import SCOPE, talk


def test_lineage_tags_source_words_and_turns_relate_memories(memory: Memory) -> None:
    base = memory.add("A zither.", scope=f"{SCOPE}/a", tags=["music"], source="doc:a/1")
    near = {
        "lineage": memory.add("Other.", scope=f"{SCOPE}/b", derived_from=[base.cube_id]),
        "tag": memory.add("Tagged.", scope=f"{SCOPE}/c", tags=["music"]),
        "source": memory.add("Of the same document.", scope=f"{SCOPE}/d", source="doc:a/2"),
        "word": memory.add("Zithers again.", scope=f"{SCOPE}/e"),
    }
    memory.add("Nothing in common.", scope=f"{SCOPE}/a", source="web:b/1")
    found = memory.related(base.cube_id)
    assert {each.reasons[0].kind: each.cube_id for each in found} == {
        kind: receipt.cube_id for kind, receipt in near.items()
    }
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)
    for each in found:
        assert each.score == pytest.approx(sum(reason.score for reason in each.reasons))


def test_a_turn_is_related_to_the_turns_around_it(memory: Memory) -> None:
    turns = talk(memory)
    found = {each.cube_id: each.reasons for each in memory.related(turns[1].cube_id)}
    told = {
        number: [reason.detail for reason in found[turn.cube_id] if reason.kind == "conversation"]
        for number, turn in enumerate(turns)
        if turn.cube_id in found
    }
    assert told == {0: ["1 turn before"], 2: ["1 turn after"], 3: ["2 turns after"]}


def test_the_graph_names_no_memory_that_the_actor_may_not_read(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as alice:
        base = alice.add("A zither.", scope=SCOPE, tags=["music"])
        open_one = alice.add("A zither, too.", scope=SCOPE, tags=["music"])
        with Memory(vault, actor="agent:eve") as eve:
            before = eve.related(base.cube_id)
        for scope in (SCOPE, f"{SCOPE}/deep"):
            alice.add("My zither.", scope=scope, tags=["music"], readers=["agent:alice"])
        hidden = alice.add(
            "Made of it.", scope=SCOPE, derived_from=[base.cube_id], readers=["agent:alice"]
        )
        alice.add("A zither.", scope="other/room", tags=["music"])
        assert hidden.cube_id in {each.cube_id for each in alice.related(base.cube_id)}
        with Memory(vault, actor="agent:eve") as eve:
            assert eve.related(base.cube_id) == before
            assert [each.cube_id for each in before] == [open_one.cube_id]
            with pytest.raises(Denied, match="readers-list"):
                eve.related(hidden.cube_id)
        with (
            Memory(vault, actor="agent:eve", tenant="other") as other,
            pytest.raises(NotFound, match="no cube"),
        ):
            other.related(base.cube_id)


def test_related_looks_where_it_is_told_and_gives_no_more_than_asked(memory: Memory) -> None:
    base = memory.add("A zither.", scope="acme/a")
    for scope in ("acme/a/deep", "acme/b", "acme/b"):
        memory.add("A zither, too.", scope=scope)
    assert len(memory.related(base.cube_id)) == 3
    assert len(memory.related(base.cube_id, k=2)) == 2
    assert [each.scope for each in memory.related(base.cube_id, scope="acme/a")] == ["acme/a/deep"]
    with pytest.raises(InvalidInput, match="another tenant"):
        memory.related(base.cube_id, scope="other")


def test_archived_memories_are_no_neighbours_but_have_some(memory: Memory) -> None:
    one, other = (memory.add("A zither.", scope=SCOPE) for _ in range(2))
    memory.archive(one.cube_id)
    assert memory.related(other.cube_id) == []
    memory.restore(one.cube_id)
    memory.archive(one.cube_id)
    third = memory.add("A zither.", scope=SCOPE)
    assert {each.cube_id for each in memory.related(one.cube_id)} == {other.cube_id, third.cube_id}


def test_an_erased_memory_is_related_to_nothing(memory: Memory) -> None:
    one, other = (memory.add("A zither.", scope=SCOPE) for _ in range(2))
    memory.erase(cube_id=one.cube_id)
    assert memory.related(other.cube_id) == []
    with pytest.raises(NotFound, match="erased"):
        memory.related(one.cube_id)
