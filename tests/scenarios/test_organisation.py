"""Conversations, tags, lineage, merges and lifecycle, from the caller's side."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from memos import Held, IllegalMove, InvalidInput, Memory, MemosError, NotFound
from tests.scenarios.place import read, texts

TALK = [
    {"id": "D1:1", "speaker": "Ann", "role": "user", "text": "Where did you spend the summer?"},
    {"id": "D1:2", "speaker": "Ben", "role": "assistant", "text": "In Lisbon, by the river."},
    {"id": "D1:3", "speaker": "Ann", "role": "user", "text": "Did you like the food?"},
    {"id": "D1:4", "speaker": "Ben", "role": "assistant", "text": "Yes, the sardines most of all."},
]


def test_the_turns_of_a_conversation_know_session_and_speaker(memory: Memory, tenant: str) -> None:
    scope = f"{tenant}/ann"
    receipts = memory.add_conversation(TALK, scope=scope, session="1", at="2023-08-20", tags=["c"])
    assert len(receipts) == 4
    cube = read(memory, receipts[1].cube_id)
    assert cube.metadata["speaker"] == "Ben"
    assert (cube.source, cube.tags) == (f"conversation:{scope}/1/D1:2", ("c",))
    assert cube.valid_from is not None
    assert cube.valid_from.day == 20
    assert TALK[3]["text"] in texts(memory.search("Ben sardines", scope=scope, k=2))


def test_a_reply_is_found_by_what_its_question_spoke_of(memory: Memory, tenant: str) -> None:
    memory.add_conversation(TALK, scope=tenant, session="1")
    memory.add_many([{"text": f"Something else {n}.", "scope": tenant} for n in range(8)])
    found = memory.search("Where did Ben spend the summer?", scope=tenant, k=3)
    assert TALK[1]["text"] in texts(found)


def test_turns_that_come_later_follow_the_earlier_ones(memory: Memory, tenant: str) -> None:
    first = memory.add_conversation(TALK[:2], scope=tenant, session="1")
    second = memory.add_conversation(TALK[2:], scope=tenant, session="1")
    near = memory.related(first[1].cube_id, k=3)
    told = {each.cube_id: {reason.kind for reason in each.reasons} for each in near}
    assert "conversation" in told[first[0].cube_id]
    assert "conversation" in told[second[0].cube_id]


def test_a_conversation_sent_again_with_its_key_is_there_once(memory: Memory, tenant: str) -> None:
    first = memory.add_conversation(TALK, scope=tenant, session="1", idempotency_key="talk")
    again = memory.add_conversation(TALK, scope=tenant, session="1", idempotency_key="talk")
    assert [r.cube_id for r in again] == [r.cube_id for r in first]
    assert len(memory.search("sardines", scope=tenant, k=50)) == len(
        {hit.cube_id for hit in memory.search("sardines", scope=tenant, k=50)}
    )


def test_tags_come_and_go_and_are_counted(memory: Memory, tenant: str) -> None:
    cube = memory.add("She likes pottery.", scope=f"{tenant}/a", tags=["hobby"]).cube_id
    memory.add("He likes chess.", scope=f"{tenant}/b", tags=["hobby", "game"])
    memory.tag(cube, "art", "home")
    memory.untag(cube, "home")
    assert read(memory, cube).tags == ("hobby", "art")
    assert memory.tags(tenant) == {"hobby": 2, "art": 1, "game": 1}
    assert texts(memory.search("likes", scope=tenant, filter={"tags": "art"})) == [
        "She likes pottery."
    ]
    with pytest.raises(InvalidInput):
        memory.tag(cube)


def test_a_closed_vocabulary_takes_no_other_tags(memory: Memory, tenant: str) -> None:
    memory.set_vocabulary(tenant, ["hobby", "home"], closed=True)
    assert memory.vocabulary(f"{tenant}/a").tags == ("hobby", "home")
    cube = memory.add("She likes pottery.", scope=f"{tenant}/a", tags=["hobby"]).cube_id
    with pytest.raises(InvalidInput, match="hobby"):
        memory.tag(cube, "hobbies")
    memory.set_vocabulary(tenant, ["hobby", "hobbies"], closed=True)
    memory.tag(cube, "hobbies")
    assert read(memory, cube).tags == ("hobby", "hobbies")


def test_a_link_is_seen_from_both_ends(memory: Memory, tenant: str) -> None:
    early = memory.add("The plan.", scope=tenant).cube_id
    late = memory.add("The summary of the plan.", scope=tenant).cube_id
    last = memory.add("A note about the summary.", scope=tenant, derived_from=[late]).cube_id
    memory.link(late, early, "quoted_from")
    down = memory.lineage(early, direction="downstream")
    assert dict(down.depth) == {early: 0, late: 1, last: 2}
    assert {edge.relation for edge in down.edges} == {"quoted_from", "derived_from"}
    up = memory.lineage(last, direction="upstream", depth=1)
    assert dict(up.depth) == {last: 0, late: -1}


def test_a_merge_absorbs_its_sources(memory: Memory, tenant: str) -> None:
    a = memory.add("one\ntwo", scope=f"{tenant}/x/a", tags=["t"]).cube_id
    b = memory.add("two\nthree", scope=f"{tenant}/x/b", tags=["u"]).cube_id
    merged = memory.merge([a, b])
    cube = read(memory, merged.cube_id)
    assert (cube.text, cube.scope, cube.tags) == ("one\ntwo\nthree", f"{tenant}/x", ("t", "u"))
    assert merged.rejected == ()
    assert read(memory, a, any_state=True).state == "Merged"
    assert texts(memory.search("two", scope=tenant)) == ["one\ntwo\nthree"]
    with pytest.raises(NotFound):
        memory.get(a)
    with pytest.raises(IllegalMove):
        memory.merge([a, b])


def test_an_undone_merge_gives_its_sources_back(memory: Memory, tenant: str) -> None:
    a = memory.add("likes pottery", scope=tenant).cube_id
    b = memory.add("likes chess", scope=tenant).cube_id
    merged = memory.merge([a, b], text="likes pottery and chess")
    undone = memory.rollback(operation=merged.operation_id)
    assert {change.action for change in undone.changes} == {"unmerge", "archive"}
    assert (read(memory, a).text, read(memory, b).text) == ("likes pottery", "likes chess")
    assert read(memory, merged.cube_id, any_state=True).state == "Archived"
    assert set(texts(memory.search("likes", scope=tenant))) == {"likes pottery", "likes chess"}


def test_of_a_merged_memory_an_error_says_how_it_comes_back(memory: Memory, tenant: str) -> None:
    a, b = (memory.add(text, scope=tenant).cube_id for text in ("likes pottery", "likes chess"))
    memory.merge([a, b])
    memory.set_header(a, priority=1)
    calls: list[Callable[[], object]] = [
        lambda: memory.get(a),
        lambda: memory.update(a, "likes clay"),
        lambda: memory.tag(a, "hobby"),
        lambda: memory.restore(a),
    ]
    for call in calls:
        with pytest.raises(MemosError, match="undo its merge") as refused:
            call()
        assert not re.search("(or|;) restore it", str(refused.value))
    absorbed = next(change for change in memory.history(a) if change.state == "Merged")
    memory.rollback(operation=absorbed.entry.operation_id)
    assert read(memory, a).text == "likes pottery"
    memory.archive(a)
    with pytest.raises(NotFound, match="or restore it"):
        memory.get(a)
    memory.restore(a)


def test_an_archived_memory_is_out_of_sight_until_it_is_restored(
    memory: Memory, tenant: str
) -> None:
    cube = memory.add("She likes pottery.", scope=tenant).cube_id
    memory.archive(cube)
    assert memory.search("pottery", scope=tenant) == []
    with pytest.raises(NotFound, match="Archived"):
        memory.get(cube)
    assert texts(memory.search("pottery", scope=tenant, states=["Archived"])) == [
        "She likes pottery."
    ]
    memory.restore(cube)
    assert read(memory, cube).state == "Activated"
    assert len(memory.search("pottery", scope=tenant)) == 1


def test_a_frozen_memory_is_read_and_not_changed(memory: Memory, tenant: str) -> None:
    cube = memory.add("evidence", scope=tenant).cube_id
    other = memory.add("more evidence", scope=tenant).cube_id
    memory.freeze(cube)
    for change in (
        lambda: memory.update(cube, "no evidence"),
        lambda: memory.tag(cube, "t"),
        lambda: memory.archive(cube),
        lambda: memory.merge([cube, other]),
        lambda: memory.rollback(cube, to_version=1),
    ):
        with pytest.raises(Held):
            change()
    assert read(memory, cube).text == "evidence"
    memory.thaw(cube)
    assert read(memory, cube).state == "Generated"
    memory.update(cube, "what was evidence")


def test_moves_that_the_lifecycle_has_not_are_refused(memory: Memory, tenant: str) -> None:
    cube = memory.add("here", scope=tenant).cube_id
    for move in (memory.restore, memory.thaw):
        with pytest.raises(IllegalMove):
            move(cube)
    memory.archive(cube)
    with pytest.raises(IllegalMove):
        memory.archive(cube)
    results = [change.entry.result for change in memory.history(cube)]
    assert results == ["accepted", "rejected", "rejected", "accepted", "rejected"]


def test_a_header_is_changed_without_a_new_text(memory: Memory, tenant: str) -> None:
    cube = memory.add("a fact", scope=tenant).cube_id
    memory.set_header(cube, priority=7, sensitivity="internal", purpose="support")
    found = read(memory, cube)
    assert (found.priority, found.sensitivity, found.purpose) == (7, "internal", "support")
    assert texts(memory.search("fact", scope=tenant, filter={"priority": {"gte": 7}})) == ["a fact"]
