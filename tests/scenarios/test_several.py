"""One change of several memories: planned, done on all or none, and told exactly where that cannot be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from memos import (
    Denied,
    Forgotten,
    Held,
    IllegalMove,
    InvalidInput,
    Memory,
    NotFound,
    PartlyDone,
)
from memos.infrastructure.engine.commit import Committed, Draft
from tests.scenarios.place import Place, read


def notes(memory: Memory, scope: str, count: int = 4) -> list[str]:
    items = [
        {
            "text": f"Note {n}.",
            "scope": scope,
            "tags": ["odd"] if n % 2 else [],
            "metadata": {"n": n},
        }
        for n in range(count)
    ]
    return [receipt.cube_id for receipt in memory.add_many(items)]


def test_memories_are_chosen_by_a_filter_or_by_ids_and_a_plan_changes_nothing(
    memory: Memory, tenant: str
) -> None:
    ids = notes(memory, f"{tenant}/a")
    plan = memory.tag_many(["lake"], scope=tenant, filter={"tags": "odd"}, dry_run=True)
    assert [one.cube_id for one in plan.memories] == ids[1::2]
    assert [one.title for one in plan.memories] == ["Note 1.", "Note 3."]
    assert (plan.receipts, plan.operation_id) == ((), "")
    assert memory.tags(tenant) == {"odd": 2}
    done = memory.tag_many(["lake"], scope=tenant, filter={"tags": "odd"})
    assert [receipt.version for receipt in done.receipts] == [2, 2]
    assert memory.tags(tenant) == {"lake": 2, "odd": 2}
    memory.untag_many(["odd"], ids[:2])
    assert memory.tags(tenant) == {"lake": 2, "odd": 1}
    with pytest.raises(NotFound, match="nothing to tag"):
        memory.tag_many(["lake"], scope=tenant, filter={"tags": "sea"})


def test_a_batch_is_one_operation_and_is_undone_as_one(memory: Memory, tenant: str) -> None:
    ids = notes(memory, f"{tenant}/a")
    done = memory.update_many(ids, "Seen.", mode="append", metadata={"seen": True})
    assert read(memory, ids[0]).text == "Note 0.\nSeen."
    assert dict(read(memory, ids[3]).metadata) == {"n": 3, "seen": True}
    assert {entry.cube_id for entry in memory.events(operation=done.operation_id)} == set(ids)
    plan = memory.rollback(operation=done.operation_id, dry_run=True)
    assert [(c.text, c.text_after) for c in plan.changes[:1]] == [("Note 0. Seen.", "Note 0.")]
    memory.rollback(operation=done.operation_id)
    assert [read(memory, one).text for one in ids] == [f"Note {n}." for n in range(4)]


def test_each_of_several_takes_a_change_of_its_own_or_none_does(
    memory: Memory, tenant: str
) -> None:
    ids = notes(memory, f"{tenant}/a")
    changes: list[dict[str, Any]] = [
        {"id": ids[2], "text": "Two.", "tags": ["new"]},
        {"cube_id": ids[0], "metadata": {"seen": True}},
    ]
    plan = memory.update_many(changes, reason="a review", dry_run=True)
    assert [one.title for one in plan.memories] == ["Note 0.", "Note 2."]
    done = memory.update_many(changes, reason="a review")
    assert [receipt.cube_id for receipt in done.receipts] == [ids[0], ids[2]]
    assert [read(memory, one).text for one in ids[:3]] == ["Note 0.", "Note 1.", "Two."]
    assert dict(read(memory, ids[0]).metadata) == {"n": 0, "seen": True}
    assert {entry.reason for entry in memory.events(operation=done.operation_id)} == {"a review"}
    memory.update_many({ids[1]: "One.", ids[3]: "Three."}, mode="append")
    assert [read(memory, one).text for one in ids[1::2]] == ["Note 1.\nOne.", "Note 3.\nThree."]
    memory.hold(ids[1])
    before = memory.digest()
    with pytest.raises(Held):
        memory.update_many({ids[1]: "Again.", ids[3]: "Again."})
    for odd, told in (
        ([{"id": ids[0], "text": "x"}, {"id": ids[0], "text": "y"}], "item 1: cube .* before it"),
        ([{"id": ids[0], "text": "x"}, {"id": ids[3], "words": "y"}], "item 1: .* no 'words'"),
        ([{"id": ids[0], "text": "x"}, {"text": "y"}], "item 1: .* names it once"),
        ([{"id": ids[0], "text": "x"}, ids[3]], "item 1: .* mapping"),
        ([{"id": ids[0]}], "item 0: update changes nothing"),
        ({ids[0]: ""}, "item 0"),
    ):
        with pytest.raises(InvalidInput, match=told):
            memory.update_many(odd)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput):
        memory.update_many({ids[0]: "x"}, scope=tenant)
    assert memory.digest() == before


def test_what_is_archived_by_a_filter_comes_back_by_its_scope(memory: Memory, tenant: str) -> None:
    ids = notes(memory, f"{tenant}/a")
    memory.archive_many(scope=tenant, filter={"metadata.n": {"lt": 3}})
    assert [read(memory, one, any_state=True).state for one in ids] == ["Archived"] * 3 + [
        "Generated"
    ]
    with pytest.raises(IllegalMove, match="cannot archive 1 of 2 memories, so nothing was changed"):
        memory.archive_many([ids[0], ids[3]])
    back = memory.restore_many(scope=f"{tenant}/a")
    assert [one.cube_id for one in back.memories] == ids[:3]
    assert {read(memory, one).state for one in ids[:3]} == {"Activated"}


def test_one_that_is_held_stops_all_before_anything_is_written(memory: Memory, tenant: str) -> None:
    ids = notes(memory, f"{tenant}/a")
    memory.hold(ids[2])
    (no,) = memory.archive_many(ids, dry_run=True).rejected
    assert (no.cube_id, no.reason) == (ids[2], "frozen")
    with pytest.raises(Held, match="cannot archive 1 of 4") as held:
        memory.archive_many(ids)
    assert held.value.cube_ids == (ids[2],)
    assert {read(memory, one).state for one in ids} == {"Generated", "Frozen"}


def test_nobody_changes_or_learns_of_what_is_not_theirs(
    place: Place, memory: Memory, tenant: str
) -> None:
    ids = notes(memory, f"{tenant}/a")
    memory.set_header(ids[0], readers=["agent:alice"])
    memory.set_header(ids[1], writers=["agent:alice"])
    bob = place.open("agent:bob")
    plan = bob.archive_many(scope=tenant, filter={"metadata.n": {"in": [0, 2, 3]}}, dry_run=True)
    assert [one.cube_id for one in plan.memories] == ids[2:]
    with pytest.raises(Denied):
        bob.archive_many(scope=tenant)
    with pytest.raises((Denied, NotFound)):
        bob.archive_many([ids[0], ids[2]])
    assert read(memory, ids[2]).state == "Generated"
    with pytest.raises(Denied):  # he owns none
        bob.erase(scope=tenant, filter={"metadata.n": 2}, dry_run=True)


def test_an_erase_is_planned_and_takes_what_a_filter_fits(memory: Memory, tenant: str) -> None:
    ids = notes(memory, f"{tenant}/a")
    card = memory.add("A card.", scope=f"{tenant}/b", derived_from=[ids[1]]).cube_id
    memory.archive(ids[3])
    plan = memory.erase(scope=f"{tenant}/a", filter={"tags": "odd"}, dry_run=True)
    assert {one.cube_id: one.title for one in plan.memories} == {
        ids[1]: "Note 1.",
        ids[3]: "Note 3.",
        card: "A card.",
    }
    assert (plan.derived, plan.held, plan.refuses) == ((card,), (), False)
    assert "would erase 3 memories for good" in str(plan)
    memory.hold(card)
    held = memory.erase(cube_ids=[ids[1]], dry_run=True)
    assert (held.held, held.refuses) == ((card,), True)
    with pytest.raises(Held):
        memory.erase(cube_ids=[ids[1], ids[3]])
    memory.lift_hold(card)
    receipt = memory.erase(scope=f"{tenant}/a", filter={"tags": "odd"})
    assert set(receipt.cube_ids) == {ids[1], ids[3], card}
    assert isinstance(memory.get(card), Forgotten)
    assert read(memory, ids[0]).text == "Note 0."


def test_what_names_nothing_or_too_much_is_refused(memory: Memory, tenant: str) -> None:
    (one,) = notes(memory, f"{tenant}/a", 1)
    calls: list[Callable[[], object]] = [
        memory.archive_many,
        lambda: memory.archive_many([]),
        lambda: memory.archive_many(one),
        lambda: memory.archive_many([one], scope=tenant),
        lambda: memory.archive_many([one], filter={"tags": "odd"}),
        lambda: memory.archive_many(scope=tenant, filter={"colour": "red"}),
        lambda: memory.tag_many([], [one]),
        lambda: memory.update_many([one]),
        lambda: memory.erase(cube_ids=[one], scope=tenant),
        lambda: memory.erase(subject="ann", filter={"tags": "odd"}),
        lambda: memory.archive_many([one], dry_run="yes"),  # type: ignore[arg-type]
    ]
    for call in calls:
        with pytest.raises(InvalidInput):
            call()
    assert read(memory, one).version == 1


def test_batches_that_meet_lose_nothing(place: Place, tenant: str) -> None:
    first, second = place.open(), place.open()
    ids = notes(first, f"{tenant}/a", 6)
    with ThreadPoolExecutor(2) as pool:
        jobs = [
            pool.submit(memory.tag_many, [f"{name}-{n}"], ids)
            for n in range(3)
            for name, memory in (("one", first), ("two", second))
        ]
        for job in jobs:
            job.result()
    wanted = {f"{name}-{n}" for name in ("one", "two") for n in range(3)}
    assert all(wanted <= set(read(first, one).tags) for one in ids)


def test_where_another_writer_comes_between_it_is_told_what_is_done(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, other = notes(memory, f"{tenant}/a"), place.open()
    writer = memory._session.engine.writer
    write = writer.commit_whole

    def late(drafts: Sequence[Draft], check: Callable[[Committed], None]) -> Any:
        monkeypatch.undo()
        other.hold(ids[2])
        return write(drafts, check)

    monkeypatch.setattr(writer, "commit_whole", late)
    wanted = Held if place.is_embedded else PartlyDone
    with pytest.raises(wanted) as stopped:
        memory.archive_many(ids)
    archived = [one for one in ids if read(memory, one, any_state=True).state == "Archived"]
    if isinstance(stopped.value, PartlyDone):
        assert list(stopped.value.done) == archived == [ids[0], ids[1], ids[3]]
        assert stopped.value.left == (ids[2],)
        memory.rollback(operation=stopped.value.operation_id)
        assert read(memory, ids[0]).state in ("Generated", "Activated")
    else:
        assert archived == []
