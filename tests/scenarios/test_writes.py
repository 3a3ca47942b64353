"""Adding and changing memories, from the caller's side."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos import (
    AlreadyErased,
    Conflict,
    IllegalMove,
    InvalidInput,
    Memory,
    NotApplied,
    NotFound,
    OtherContent,
    Position,
)
from tests.scenarios.place import Place, read, texts


def test_what_is_added_can_be_read_and_found_at_once(memory: Memory, tenant: str) -> None:
    receipt = memory.add(
        "She likes pottery.",
        scope=f"{tenant}/alice",
        source="chat:1/4",
        tags=["hobby"],
        metadata={"turn": 4},
        semantic_type="user preference",
        priority=3,
    )
    cube = read(memory, receipt.cube_id)
    assert (cube.text, cube.version, cube.tags, cube.source) == (
        *("She likes pottery.", 1, ("hobby",), "chat:1/4"),
    )
    assert (dict(cube.metadata), cube.semantic_type, cube.priority) == (
        *({"turn": 4}, "user preference", 3),
    )
    assert (cube.state, cube.owner, cube.position) == ("Generated", "agent:alice", receipt.position)
    (hit,) = memory.search("pottery", scope=tenant)
    assert (hit.cube_id, hit.version, hit.position) == (receipt.cube_id, 1, receipt.position)


def test_another_opening_of_the_vault_reads_what_this_one_wrote(
    place: Place, memory: Memory, tenant: str
) -> None:
    other = place.open("agent:bob")
    assert other.search("pottery", scope=tenant) == []
    receipt = memory.add("She likes pottery.", scope=tenant)
    other.wait_for(receipt)
    assert read(other, receipt.cube_id).text == "She likes pottery."
    assert texts(other.search("pottery", scope=tenant)) == ["She likes pottery."]
    other.update(receipt.cube_id, "She likes chess.")
    assert read(memory, receipt.cube_id).text == "She likes chess."
    assert memory.search("pottery", scope=tenant) == []


def test_a_token_of_another_vault_is_told_as_such_and_at_once(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    mine = memory.add("mine", scope=tenant)
    partition, offset = mine.position
    with Memory(tmp_path / "other.vault", actor="agent:alice") as other:
        theirs = other.add("theirs", scope="acme")
    begin = time.monotonic()
    for token in (
        Position(partition, offset + 1_000_000),
        Position(99, 0),
        replace(theirs, position=mine.position),
        replace(mine, position=Position(partition, offset + 1_000_000)),
    ):
        with pytest.raises(NotApplied, match="of another vault"):
            memory.wait_for(token, seconds=60)
    assert time.monotonic() - begin < 30
    memory.wait_for(mine)
    memory.wait_for(mine.position)
    keyed = [memory.add("once", scope=tenant, idempotency_key=f"k {tenant}") for _ in range(2)]
    for receipt in keyed:
        memory.wait_for(receipt)


def test_an_update_overwrites_appends_or_merges(memory: Memory, tenant: str) -> None:
    cube = memory.add("one\ntwo", scope=tenant).cube_id
    assert memory.update(cube, "three", mode="append").version == 2
    assert read(memory, cube).text == "one\ntwo\nthree"
    memory.update(cube, "two\nfour", mode="merge")
    assert read(memory, cube).text == "one\ntwo\nthree\nfour"
    memory.update(cube, "five", reason="all anew")
    assert read(memory, cube).text == "five"
    assert texts(memory.search("five", scope=tenant)) == ["five"]
    assert memory.search("four", scope=tenant) == []


def test_an_update_keeps_what_it_does_not_name(memory: Memory, tenant: str) -> None:
    cube = memory.add(
        "old", scope=tenant, source="chat:1", tags=["t"], metadata={"a": 1}, origin="user input"
    ).cube_id
    memory.update(cube, tags=["u"])
    memory.update(cube, metadata={"b": 2}, valid_from="2020-01-01")
    memory.update(cube, source="chat:2")
    found = read(memory, cube)
    assert (found.text, found.tags, dict(found.metadata)) == ("old", ("u",), {"a": 1, "b": 2})
    assert (found.source, found.origin) == ("chat:2", "user input")
    assert found.valid_from is not None
    assert (found.valid_from.year, found.version) == (2020, 4)


def test_a_stale_expected_version_is_refused_with_the_current_one(
    memory: Memory, tenant: str
) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    memory.update(cube, "two", expected_version=1)
    with pytest.raises(Conflict) as refused:
        memory.update(cube, "three", expected_version=1)
    assert refused.value.current_version == 2
    with pytest.raises(Conflict):
        memory.archive(cube, expected_version=1)
    assert read(memory, cube).text == "two"
    results = [change.entry.result for change in memory.history(cube)]
    assert results == ["accepted", "accepted", "rejected", "rejected"]


def test_two_writers_who_append_lose_nothing(place: Place, memory: Memory, tenant: str) -> None:
    other = place.open("agent:bob")
    cube = memory.add("begin", scope=tenant).cube_id
    for number in range(3):
        memory.update(cube, f"alice {number}", mode="append")
        other.update(cube, f"bob {number}", mode="append")
    lines = read(memory, cube).text.splitlines()
    assert lines == ["begin", *(f"{who} {n}" for n in range(3) for who in ("alice", "bob"))]


def test_a_retry_with_the_same_key_has_one_effect_and_one_receipt(
    memory: Memory, tenant: str
) -> None:
    first = memory.add("once", scope=tenant, idempotency_key="k1")
    again = memory.add("once", scope=tenant, idempotency_key="k1")
    assert again == first
    changed = memory.update(first.cube_id, "twice", idempotency_key="k2")
    assert memory.update(first.cube_id, "twice", idempotency_key="k2") == changed
    assert read(memory, first.cube_id).version == 2
    assert len(memory.search("twice", scope=tenant)) == 1


def test_a_key_that_was_used_for_something_else_is_refused(memory: Memory, tenant: str) -> None:
    receipt = memory.add("once", scope=tenant, idempotency_key="k1")
    with pytest.raises(OtherContent):
        memory.add("something else", scope=tenant, idempotency_key="k1")
    # Its text would lie in the log under the key of the memory that is there.
    assert [each.kind for each in memory.events(scope=tenant)] == ["Generated"]
    memory.update(receipt.cube_id, "two", idempotency_key="k2")
    with pytest.raises(OtherContent):
        memory.update(receipt.cube_id, "three", idempotency_key="k2")
    assert read(memory, receipt.cube_id).text == "two"


def test_many_are_added_at_once_in_several_scopes(memory: Memory, tenant: str) -> None:
    base = memory.add("the source", scope=f"{tenant}/a").cube_id
    receipts = memory.add_many(
        [
            {"text": "first pottery", "scope": f"{tenant}/a", "tags": ["t"]},
            {"text": "second pottery", "scope": f"{tenant}/b", "derived_from": [base]},
            {"content": b"\x89PNG", "media_type": "image/png", "scope": f"{tenant}/b"},
        ],
        idempotency_key="batch",
    )
    assert len({receipt.cube_id for receipt in receipts}) == 3
    assert read(memory, receipts[2].cube_id).payload == b"\x89PNG"
    assert set(texts(memory.search("pottery", scope=tenant))) == {
        "first pottery",
        "second pottery",
    }
    assert texts(memory.search("pottery", scope=f"{tenant}/b")) == ["second pottery"]
    depth = memory.lineage(receipts[1].cube_id, direction="upstream").depth
    assert depth[base] == -1


def test_a_batch_sent_again_with_its_key_is_there_once(memory: Memory, tenant: str) -> None:
    items = [{"text": f"number {n}", "scope": f"{tenant}/{n % 3}"} for n in range(40)]
    first = memory.add_many(items, idempotency_key="batch")
    again = memory.add_many(items, idempotency_key="batch")
    assert [r.cube_id for r in again] == [r.cube_id for r in first]
    assert [r.position for r in again] == [r.position for r in first]
    assert len(memory.search("number", scope=tenant, k=100)) == 40


def test_a_key_of_its_own_is_the_same_in_a_batch_and_alone(memory: Memory, tenant: str) -> None:
    items = [
        {"text": f"number {n}", "scope": tenant, "idempotency_key": f"own {n}"} for n in range(3)
    ]
    cubes = [receipt.cube_id for receipt in memory.add_many(items)]
    assert [memory.add(**item).cube_id for item in items] == cubes  # type: ignore[arg-type]
    assert [receipt.cube_id for receipt in memory.add_many(items[::-1])] == cubes[::-1]
    assert len(memory.search("number", scope=tenant, k=100)) == 3


def test_a_batch_sent_again_with_one_item_more_writes_nothing(memory: Memory, tenant: str) -> None:
    items = [{"text": f"number {n}", "scope": tenant} for n in range(3)]
    memory.add_many(items[:2], idempotency_key="batch")
    with pytest.raises(OtherContent):
        memory.add_many(items, idempotency_key="batch")
    assert len(memory.search("number", scope=tenant, k=100)) == 2


def test_a_retry_of_what_was_erased_stores_nothing_and_says_so(memory: Memory, tenant: str) -> None:
    item = {"text": "once", "scope": tenant, "subject": "ann", "idempotency_key": "k1"}
    first = memory.add(**item)  # type: ignore[arg-type]
    memory.erase(cube_id=first.cube_id)
    for text in ("once", "something else"):
        with pytest.raises(AlreadyErased):
            memory.add(**{**item, "text": text})  # type: ignore[arg-type]
        with pytest.raises(AlreadyErased):
            memory.add_many([{"text": "new", "scope": tenant}, {**item, "text": text}])
    assert memory.search("once new else", scope=tenant) == []
    fresh = memory.add(**{**item, "idempotency_key": "k2"})  # type: ignore[arg-type]
    assert read(memory, fresh.cube_id).text == "once"


def test_each_command_under_a_key_is_known_again_whatever_became_of_its_sources(
    memory: Memory, tenant: str
) -> None:
    first, second, third = (
        memory.add(f"Source {number}.", scope=tenant).cube_id for number in range(3)
    )
    key: dict[str, Any] = {"idempotency_key": "k"}
    turns: list[dict[str, Any]] = [{"text": "Derived.", "tags": {"b", "a"}}]
    calls: list[Callable[[], Any]] = [
        lambda: memory.add("Derived.", scope=tenant, derived_from=[first], tags=["a"], **key),
        lambda: memory.merge([first, second], scope=tenant, tags=["a"], **key),
        lambda: memory.add_conversation(turns, scope=tenant, session="1", **key),
        lambda: memory.update(third, "more", mode="append", tags=["a"], **key),
    ]
    receipts = [call() for call in calls]
    memory.set_vocabulary(tenant, ["new"], closed=True)
    memory.update(third, "later")
    assert [call() for call in calls] == receipts
    assert read(memory, third).text == "later"
    memory.erase(cube_id=first)
    memory.erase(cube_id=third)
    for call in (calls[0], calls[1], calls[3]):
        with pytest.raises(AlreadyErased):
            call()
    assert calls[2]() == receipts[2]


def test_bytes_take_no_text_and_lose_none(memory: Memory, tenant: str) -> None:
    image = memory.add(content=b"\x89PNG", media_type="image/png", scope=tenant).cube_id
    note = memory.add("# A lake", media_type="text/markdown", scope=tenant).cube_id
    with pytest.raises(IllegalMove, match="image/png"):
        memory.update(image, "a caption", mode="append")
    with pytest.raises(IllegalMove, match="image/png"):
        memory.merge([note, image])
    memory.update(note, "- Como", mode="append")
    assert read(memory, image).payload == b"\x89PNG"
    assert read(memory, note).media_type == "text/markdown"


def test_a_batch_with_one_item_that_does_not_fit_writes_nothing(
    memory: Memory, tenant: str
) -> None:
    with pytest.raises(InvalidInput, match="item 1"):
        memory.add_many([{"text": "fits", "scope": tenant}, {"text": "no scope"}])
    assert memory.search("fits", scope=tenant) == []


def test_bytes_of_any_media_type_are_kept(memory: Memory, tenant: str) -> None:
    receipt = memory.add(content=b"\x89PNG\x00", media_type="image/png", scope=tenant)
    cube = read(memory, receipt.cube_id)
    assert (cube.payload, cube.media_type, cube.text) == (b"\x89PNG\x00", "image/png", "")


def test_what_is_not_there_is_told_by_its_id(memory: Memory, tenant: str) -> None:
    memory.add("something", scope=tenant)
    absent = "00000000-0000-7000-8000-000000000000"
    for ask in (
        lambda: memory.get(absent),
        lambda: memory.update(absent, "x"),
        lambda: memory.history(absent),
        lambda: memory.lineage(absent),
        lambda: memory.archive(absent),
    ):
        with pytest.raises(NotFound, match=absent):
            ask()


def test_equal_texts_are_two_memories(memory: Memory, tenant: str) -> None:
    ids = {memory.add("She likes pottery.", scope=tenant).cube_id for _ in range(3)}
    assert {hit.cube_id for hit in memory.search("pottery", scope=tenant)} == ids


def test_a_retry_that_says_the_same_in_another_way_is_a_retry(memory: Memory, tenant: str) -> None:
    noon = datetime(2024, 6, 1, 12, tzinfo=UTC)
    sources = [memory.add(f"Source {n}.", scope=tenant).cube_id for n in range(2)]
    given: dict[str, Any] = {"scope": tenant, "idempotency_key": "k"}
    first = memory.add(
        "Once.", valid_from=noon, tags=["a", "b"], derived_from=sources, lifespan="90d", **given
    )
    again = memory.add(
        "Once.",
        valid_from="2024-06-01T14:00:00+02:00",
        tags=["a", "b", "a"],
        derived_from=[source.upper() for source in sources],
        lifespan={"after": "2160h"},
        sensitivity="",
        media_type="text/plain",
        subject=tenant,
        **given,
    )
    assert again == first
    with pytest.raises(OtherContent):
        memory.add("Once.", valid_from=noon, tags=["b", "a"], derived_from=sources, **given)
    updated = memory.update(sources[0], "New.", valid_from=noon, idempotency_key="u")
    assert (
        memory.update(sources[0], "New.", valid_from="2024-06-01T12:00:00", idempotency_key="u")
        == updated
    )
