"""What is there: lists page by page, counts, scopes, subjects; searches of several scopes."""

from __future__ import annotations

from typing import Any

import pytest

from memos import InvalidInput, Memory, Page
from tests.scenarios.place import Place, texts


def told(page: Page) -> list[str]:
    return [memory.text for memory in page]


def rest(memory: Memory, page: Page, **asked: Any) -> list[str]:
    """What all pages behind one show."""
    shown: list[str] = []
    while page.cursor is not None:
        page = memory.list(cursor=page.cursor, **asked)
        shown += told(page)
    return shown


def test_a_list_shows_the_newest_first_and_its_cursor_leads_on(memory: Memory, tenant: str) -> None:
    for number in range(5):
        memory.add(f"note {number}", scope=f"{tenant}/{number % 2}")
    first = memory.list(scope=tenant, limit=2)
    assert told(first) == ["note 4", "note 3"]
    assert first.cursor is not None
    assert told(memory.list(scope=tenant, limit=9, cursor=first.cursor)) == [
        "note 2",
        "note 1",
        "note 0",
    ]
    assert memory.list(scope=tenant, limit=5).cursor is None
    assert told(memory.list(scope=f"{tenant}/1", order="oldest")) == ["note 1", "note 3"]
    assert told(memory.list(scope=[f"{tenant}/1", f"{tenant}/0"])) == told(
        memory.list(scope=tenant)
    )


def test_pages_repeat_and_skip_nothing_whatever_is_written_between_them(
    memory: Memory, tenant: str
) -> None:
    ids = [memory.add(f"note {n}", scope=tenant).cube_id for n in range(6)]
    newest = memory.list(scope=tenant, limit=2)
    oldest = memory.list(scope=tenant, limit=2, order="oldest")
    memory.update(ids[5], metadata={"seen": True})
    memory.update(ids[2], "note 2 anew")
    memory.archive(ids[3])
    memory.add("late", scope=tenant)
    assert told(newest) + rest(memory, newest, scope=tenant, limit=1) == [
        "note 5",
        "note 4",
        "note 2 anew",
        "note 1",
        "note 0",
    ]
    assert told(oldest) + rest(memory, oldest, scope=tenant, limit=2, order="oldest") == [
        "note 0",
        "note 1",
        "note 2 anew",
        "note 4",
        "note 5",
        "late",
    ]


def test_by_last_change_all_pages_are_of_the_moment_of_the_first(
    memory: Memory, tenant: str
) -> None:
    receipts = [memory.add(f"note {n}", scope=tenant) for n in range(4)]
    memory.update(receipts[1].cube_id, "note 1 anew")
    page = memory.list(scope=tenant, order="changed", limit=2)
    assert told(page) == ["note 1 anew", "note 3"]
    memory.update(receipts[0].cube_id, "note 0 anew")
    assert page.cursor is not None
    rest = memory.list(scope=tenant, order="changed", limit=5, cursor=page.cursor)
    assert told(rest) == ["note 2", "note 0"]
    assert told(memory.list(scope=tenant, order="changed", limit=1)) == ["note 0 anew"]


def test_a_list_is_narrowed_by_filter_and_state_and_shows_any_moment(
    memory: Memory, tenant: str
) -> None:
    tea = memory.add("tea", scope=tenant, tags=["drink"], metadata={"hot": True})
    memory.add("milk", scope=tenant, tags=["drink"])
    memory.add("bread", scope=tenant)
    memory.archive(tea.cube_id)
    assert told(memory.list(scope=tenant, filter={"tags": "drink"})) == ["milk"]
    assert told(memory.list(scope=tenant, filter={"tags": "drink"}, as_of=tea.position)) == ["tea"]
    assert told(memory.list(scope=tenant, state="Archived")) == ["tea"]
    assert told(memory.list(scope=tenant, filter={"state": "Archived"})) == ["tea"]
    both = memory.list(scope=tenant, state=["Archived", "Generated"], filter={"tags": "drink"})
    assert told(both) == ["milk", "tea"]
    assert memory.count(scope=tenant) == 2
    assert memory.count(scope=tenant, as_of=tea.position) == 1
    assert memory.count(scope=tenant, state="Archived", filter={"metadata.hot": True}) == 1
    assert memory.count(scope=tenant, filter={"tags": "nobody's"}) == 0


def test_a_filter_finds_a_name_however_its_accents_are_written(memory: Memory, tenant: str) -> None:
    kept, asked = "caf\u00e9", "cafe\u0301"
    scope = f"{tenant}/{kept}"
    memory.add(
        "tea",
        scope=scope,
        tags=[kept],
        source=f"web/{kept}",
        semantic_type=kept,
        owner=f"user:{kept}",
    )
    memory.add("milk", scope=f"{tenant}/dairy")
    for fits in (
        {"tags": asked},
        {"tags": {"eq": asked}},
        {"tags": {"contains": asked}},
        {"tags": {"in": [asked]}},
        {"and": [{"tags": asked}, {"tags": {"ne": "x"}}]},
        {"source": f"web/{asked}"},
        {"source": {"contains": asked}},
        {"scope": {"under": f"{tenant}/{asked}"}},
        {"semantic_type": asked},
        {"owner": {"in": [f"user:{asked}"]}},
    ):
        assert told(memory.list(scope=tenant, filter=fits)) == ["tea"], fits
        assert memory.count(scope=tenant, filter=fits) == 1, fits
        assert texts(memory.search("tea", scope=tenant, filter=fits)) == ["tea"], fits
        assert len(memory.archive_many(scope=tenant, filter=fits, dry_run=True).memories) == 1, fits


def test_a_count_is_of_what_a_list_shows_whatever_the_filter_asks_of(
    memory: Memory, tenant: str
) -> None:
    tea = memory.add("tea", scope=f"{tenant}/a", tags=["drink"], metadata={"hot": True})
    memory.add("milk", scope=f"{tenant}/a", tags=["drink", "cold"], priority=2)
    moved = memory.add("bread", scope=f"{tenant}/b", valid_from="2023-05-08", owner="agent:bob")
    memory.add("salt", scope=f"{tenant}/b", valid_until="2024-01-01", purpose="cooking")
    memory.update(moved.cube_id, metadata={"soft": True})
    memory.archive(tea.cube_id)
    filters: dict[str, dict[str, Any]] = {
        "bread": {"owner": "agent:bob", "version": {"gt": 1}},
        "milk": {"priority": {"gte": 1}, "tags": "drink"},
        "tea": {"state": "Archived", "tags": {"eq": "drink"}},
        "bread salt": {"scope": {"under": f"{tenant}/b"}, "state": {"ne": "Archived"}},
        "milk salt": {"valid_from": {"exists": False}, "state": "Generated"},
        "salt": {"and": [{"valid_until": {"lt": "2025-01-01"}}, {"purpose": "cooking"}]},
        "milk bread": {"or": [{"tags": "cold"}, {"valid_from": "2023-05-08"}]},
        "milk bread salt": {"not": {"metadata.hot": True}, "uses": 0},
        "": {"tags": "drink", "metadata.hot": True},
    }
    for expected, condition in filters.items():
        listed = memory.list(scope=tenant, filter=condition, order="oldest")
        assert (" ".join(told(listed)), condition) == (expected, condition)
        assert (memory.count(scope=tenant, filter=condition), condition) == (len(listed), condition)
    then: dict[str, Any] = {
        "filter": {"tags": "drink", "state": "Generated"},
        "as_of": tea.position,
    }
    assert memory.count(scope=tenant, **then) == len(memory.list(scope=tenant, **then)) == 1


def test_a_vocabulary_is_no_memory_of_a_scope(memory: Memory, tenant: str) -> None:
    before = memory.stats()
    memory.set_vocabulary(tenant, ["home"])
    memory.set_vocabulary(f"{tenant}/a", ["tea"])
    memory.erase(cube_id=memory.set_vocabulary(f"{tenant}/a/b", ["old"]).cube_id)
    memory.set_vocabulary(f"{tenant}/a/b", ["anew"])  # under another id than the erased one
    memory.add("tea", scope=f"{tenant}/a", tags=["tea"])
    memory.add(content=b"\x89PNG", media_type="image/png", scope=f"{tenant}/a")
    assert [one.media_type for one in memory.list(scope=tenant)] == ["image/png", "text/plain"]
    assert memory.count(scope=tenant) == 2
    assert memory.count(scope=tenant, filter={"state": "Generated"}) == 2
    assert memory.count(scope=tenant, filter={"semantic_type": {"ne": "x"}}) == 2
    assert memory.scopes(tenant) == {f"{tenant}/a": 2}
    assert memory.subjects(tenant) == {f"{tenant}/a": 2}
    assert len(memory.search("", scope=tenant, filter={"state": "Generated"})) == 2
    after = memory.stats()
    assert (after.memories - before.memories, after.scopes - before.scopes) == (2, 1)
    assert memory.vocabulary(f"{tenant}/a/b").tags == ("home", "tea", "anew")


def test_a_list_is_no_use_and_tells_how_each_was_used(memory: Memory, tenant: str) -> None:
    cube_id = memory.add("tea", scope=tenant).cube_id
    (listed,) = memory.list(scope=tenant)
    assert (listed.cube_id, listed.version, listed.uses) == (cube_id, 1, 0)
    assert listed == memory.get(cube_id)


def test_scopes_and_subjects_are_counted_by_the_memories_that_are_there(
    memory: Memory, tenant: str
) -> None:
    ann = f"ann of {tenant}"  # the vault is shared, and a subject belongs to one tenant
    tea = memory.add("tea", scope=f"{tenant}/kitchen", subject=ann)
    memory.add("bread", scope=f"{tenant}/kitchen", subject=ann)
    milk = memory.add("milk", scope=f"{tenant}/cellar")
    memory.merge([tea.cube_id, milk.cube_id], text="tea with milk", scope=tenant)
    assert memory.scopes(tenant) == {tenant: 1, f"{tenant}/kitchen": 1}
    assert memory.scopes(tenant, as_of=milk.position)[f"{tenant}/cellar"] == 1
    # What was merged is about the subjects of its sources.
    subjects = memory.subjects(tenant)
    assert (subjects, subjects.unnamed) == ({ann: 2, f"{tenant}/cellar": 1}, 0)
    memory.erase(subject=ann)
    assert ann not in memory.subjects(tenant)
    assert memory.scopes(tenant) == {f"{tenant}/cellar": 1}


def test_a_search_of_several_scopes_finds_in_each_and_nowhere_else(
    memory: Memory, tenant: str
) -> None:
    for name in ("alice", "team", "bob"):
        memory.add(f"the kettle of {name}", scope=f"{tenant}/{name}")
    both = [f"{tenant}/team", f"{tenant}/alice"]
    hits = memory.search("kettle", scope=both)
    assert {hit.scope for hit in hits} == set(both)
    assert hits.explain["searched"] == 2  # and so no statistic is of bob's
    assert "bob" not in memory.context("kettle", scope=both).text
    with pytest.raises(InvalidInput, match="one tenant"):
        memory.search("kettle", scope=[f"{tenant}/team", "elsewhere"])


def test_a_search_without_words_lists_what_its_filter_holds_of(memory: Memory, tenant: str) -> None:
    for number in range(6):
        memory.add(f"note {number}", scope=tenant, tags=[f"t{number % 2}"])
    assert texts(memory.search("", scope=tenant, k=2, filter={"tags": "t1"})) == [
        "note 5",
        "note 3",
    ]
    assert texts(memory.search("  ", scope=tenant, filter={"text": {"contains": "4"}})) == [
        "note 4"
    ]


def test_another_actor_works_on_the_vault_that_is_open(place: Place, tenant: str) -> None:
    alice = place.open("agent:alice")
    bob = alice.as_actor("agent:bob")
    mine = bob.add("mine", scope=tenant, readers=["agent:bob"]).cube_id
    memory_of = {who.get(mine).owner for who in (bob, alice)}  # type: ignore[union-attr]
    assert memory_of == {"agent:bob"}
    carl = bob.as_actor("agent:carl")
    assert (told(bob.list(scope=tenant)), told(carl.list(scope=tenant))) == (["mine"], [])
    carl.close()
    assert told(bob.list(scope=tenant)) == ["mine"]
