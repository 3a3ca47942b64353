"""History, the log and reads at an earlier moment, from the caller's side."""

from __future__ import annotations

from typing import Any

import pytest

from memos import IllegalMove, Memory, NotFound, Position
from tests.scenarios.place import Place, read, texts


def test_a_history_tells_every_attempt_and_a_diff_what_changed(memory: Memory, tenant: str) -> None:
    cube = memory.add("from Sweden", scope=tenant, tags=["home"]).cube_id
    memory.update(cube, "from Norway")
    memory.tag(cube, "family")
    memory.archive(cube)
    changes = memory.history(cube)
    assert [(c.entry.kind, c.version, c.state, c.text) for c in changes] == [
        ("Generated", 1, "Generated", "from Sweden"),
        ("Revised", 2, "Generated", "from Norway"),
        ("Tagged", 3, "Generated", "from Norway"),
        ("Archived", 3, "Archived", "from Norway"),
    ]
    diff = memory.diff(cube, 1, 3)
    assert {"-from Sweden", "+from Norway"} <= set(diff.text)
    assert diff.fields == {"tags": (("home",), ("home", "family"))}
    assert [read(memory, cube, version=n).text for n in (1, 2)] == ["from Sweden", "from Norway"]
    with pytest.raises(NotFound):
        memory.get(cube, version=9)


def test_the_log_is_asked_by_each_of_its_filters(place: Place, memory: Memory, tenant: str) -> None:
    bob = place.open("agent:bob")
    first = memory.add("one", scope=f"{tenant}/a", source="web:blog/7")
    second = memory.add("two", scope=f"{tenant}/b", source="web:blogger/1")
    changed = memory.update(first.cube_id, "one, again", source="web:other")
    bob.tag(second.cube_id, "t")

    def told(**wanted: Any) -> list[tuple[str, str]]:
        wanted.setdefault("scope", tenant)
        return [(entry.kind, entry.cube_id) for entry in memory.events(**wanted)]

    one, two = first.cube_id, second.cube_id
    everything = [("Generated", one), ("Generated", two), ("Revised", one), ("Tagged", two)]
    assert told() == everything
    assert told(actor="agent:bob") == [("Tagged", two)]
    assert told(actor="agent:nobody") == []
    assert told(kind="Revised") == [("Revised", one)]
    assert told(scope=f"{tenant}/b") == [("Generated", two), ("Tagged", two)]
    assert told(cube_id=one) == [("Generated", one), ("Revised", one)]
    assert told(operation=changed.operation_id) == [("Revised", one)]
    assert told(source="web:blog") == [("Generated", one)]
    assert told(source="web:blog/7") == [("Generated", one)]
    assert told(source="web:none") == []
    assert told(since=second.position) == everything[1:]
    assert told(until=second.position) == everything[:1]
    assert told(since=second.position, until=changed.position) == everything[1:2]
    assert told(actor="agent:alice", kind="Generated", scope=f"{tenant}/a") == everything[:1]


def test_the_log_between_two_cuts_and_two_times(memory: Memory, tenant: str) -> None:
    memory.add("one", scope=tenant)
    memory.name_cut(f"{tenant} first")
    two = memory.add("two", scope=tenant)
    memory.name_cut(f"{tenant} second")
    memory.add("three", scope=tenant)
    between = memory.events(scope=tenant, since=f"{tenant} first", until=f"{tenant} second")
    assert [entry.cube_id for entry in between] == [two.cube_id]
    (entry,) = memory.events(cube_id=two.cube_id)
    after = memory.events(scope=tenant, since=entry.log_time)
    assert two.cube_id not in {each.cube_id for each in after}
    until = memory.events(scope=tenant, until=entry.log_time)
    assert two.cube_id in {each.cube_id for each in until}


def test_a_memory_reads_as_it_was_at_a_cut_a_position_and_a_time(
    memory: Memory, tenant: str
) -> None:
    first = memory.add("from Sweden", scope=tenant)
    memory.name_cut(f"{tenant} before")
    (entry,) = memory.events(cube_id=first.cube_id)
    second = memory.update(first.cube_id, "from Norway")
    for as_of in (
        f"{tenant} before",
        first.position,
        str(first.position),
        entry.log_time,
        entry.log_time.isoformat(),
    ):
        assert read(memory, first.cube_id, as_of=as_of).text == "from Sweden"
    assert read(memory, first.cube_id, as_of=second.position).text == "from Norway"
    assert f"{tenant} before" in memory.cuts()
    with pytest.raises(IllegalMove):
        memory.name_cut(f"{tenant} before")
    with pytest.raises(NotFound):
        memory.get(first.cube_id, as_of="no such cut")
    with pytest.raises(NotFound):
        memory.get(first.cube_id, as_of=Position(0, 10**9))
    with pytest.raises(NotFound):
        memory.get(first.cube_id, as_of="2021-06-01")


def test_a_search_at_a_cut_shows_what_was_known_then(memory: Memory, tenant: str) -> None:
    cube = memory.add("she likes pottery", scope=tenant).cube_id
    gone = memory.add("pottery is old", scope=tenant).cube_id
    memory.name_cut(f"{tenant} before")
    memory.update(cube, "she likes chess")
    memory.archive(gone)
    later = memory.add("he likes pottery", scope=tenant)
    then = memory.search("pottery", scope=tenant, as_of=f"{tenant} before")
    assert {(hit.cube_id, hit.version) for hit in then} == {(cube, 1), (gone, 1)}
    assert [hit.cube_id for hit in memory.search("pottery", scope=tenant)] == [later.cube_id]
    assert memory.tags(tenant, as_of=f"{tenant} before") == {}


def test_a_search_at_a_position_and_at_a_time(memory: Memory, tenant: str) -> None:
    receipts = [memory.add(f"pottery number {n}", scope=tenant) for n in range(4)]
    entries = [next(iter(memory.events(cube_id=receipt.cube_id))) for receipt in receipts]
    for at in range(4):
        known = {f"pottery number {n}" for n in range(at + 1)}
        for as_of in (receipts[at].position, entries[at].log_time):
            hits = memory.search("pottery", scope=tenant, as_of=as_of)
            assert set(texts(hits)) == known


def test_valid_time_is_another_clock_than_log_time(memory: Memory, tenant: str) -> None:
    cube = memory.add("lives in Oslo", scope=tenant, valid_from="2020-01-01").cube_id
    memory.update(cube, "lives in Rome", valid_from="2023-01-01")
    assert read(memory, cube, valid_at="2021-06-01").text == "lives in Oslo"
    assert read(memory, cube, valid_at="2024-06-01").text == "lives in Rome"
    with pytest.raises(NotFound):
        memory.get(cube, valid_at="2019-01-01")
    assert texts(memory.search("lives", scope=tenant, valid_at="2021-06-01")) == ["lives in Oslo"]
    assert memory.search("lives", scope=tenant, valid_at="2019-06-01") == []
