"""Promise 5: retried with the same key, one effect and the same receipt; other content, an error."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest

from memos import AlreadyErased, Forgotten, Memory, OtherContent, Receipt

WITH_SETS = """
import sys
from memos import Memory
memory, cube, tags = Memory(sys.argv[1], actor="agent:alice"), sys.argv[2], {"x", "y", "z", "w"}
key = {"idempotency_key": "k"}
turns = [{"text": "Said.", "tags": tags}]
print(memory.add("once", scope="acme", tags=tags, **key))
print(memory.update(cube, "again", tags=tags, **key))
print(memory.merge(sys.argv[2:], tags=tags, scope="acme", **key))
print(memory.add_conversation(turns, scope="acme", session="1", tags=tags, **key))
print(memory.add_many([{"text": "twice", "scope": "acme/a", "tags": tags, **key}]))
"""


class Zone(tzinfo):
    """A zone whose repr is another one in each process, and for each object."""

    def utcoffset(self, at: datetime | None) -> timedelta:
        return timedelta(hours=2)

    def dst(self, at: datetime | None) -> timedelta:
        return timedelta(0)

    def tzname(self, at: datetime | None) -> str:
        return "two hours"


def effects(memory: Memory) -> int:
    return sum(entry.result == "accepted" for entry in memory.events())


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"tags": ["b", "a"]},
        {"tags": {"one", "two", "three", "four"}},
        {"metadata": {"b": 1, "a": [1, 2]}},
        {"valid_from": datetime(2023, 5, 8, tzinfo=UTC), "lifespan": "90d"},
        {"source": "web:blog/7", "subject": "ann", "readers": ["agent:bob"], "priority": 3},
    ],
)
def test_a_retried_add_has_one_effect_and_the_same_receipt(
    memory: Memory, given: dict[str, Any]
) -> None:
    first = memory.add("once", scope="acme", idempotency_key="k", **given)
    again = [memory.add("once", scope="acme", idempotency_key="k", **given) for _ in range(3)]
    assert again == [first] * 3
    assert effects(memory) == 1
    assert memory.stats().memories == 1


def test_a_generator_of_tags_is_no_other_content(memory: Memory) -> None:
    def add() -> object:
        tags = (tag for tag in ("home", "family"))
        return memory.add("once", scope="acme", idempotency_key="k", tags=tags)

    assert add() == add()
    assert [hit.tags for hit in memory.search("once", scope="acme")] == [("home", "family")]


def test_a_retry_in_another_process_is_recognised(memory: Memory, vault: Path) -> None:
    cubes = [memory.add(f"source {n}", scope="acme").cube_id for n in range(3)]
    told = {
        subprocess.run(
            [sys.executable, "-c", WITH_SETS, str(vault), *cubes],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).parents[2])},
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(told) == 1


def test_a_time_is_the_same_whatever_its_zone_looks_like(memory: Memory) -> None:
    def add(zone: tzinfo) -> Receipt:
        start = datetime(2024, 6, 1, 12, tzinfo=UTC).astimezone(zone)
        return memory.add("once", scope="acme", idempotency_key="k", valid_from=start)

    def update(zone: tzinfo) -> Receipt:
        until = datetime(2024, 7, 1, tzinfo=zone)
        return memory.update(first.cube_id, valid_until=until, idempotency_key="u")

    first = add(Zone())
    assert add(Zone()) == add(UTC) == first
    assert update(Zone()) == update(Zone())
    assert effects(memory) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"text": "twice"},
        {"tags": ["new"]},
        {"metadata": {"a": 1}},
        {"source": "web:blog"},
        {"priority": 1},
    ],
)
def test_the_same_key_with_other_content_is_an_error(memory: Memory, other: dict[str, Any]) -> None:
    given: dict[str, Any] = {"text": "once", "scope": "acme", "idempotency_key": "k"}
    first = memory.add(**given)
    with pytest.raises(OtherContent):
        memory.add(**{**given, **other})
    assert memory.get(first.cube_id).text == "once"  # type: ignore[union-attr]
    assert effects(memory) == 1


def test_a_key_belongs_to_its_actor_and_its_scope(memory: Memory, vault: Path) -> None:
    mine = memory.add("once", scope="acme/a", idempotency_key="k")
    elsewhere = memory.add("once", scope="acme/b", idempotency_key="k")
    with Memory(vault, actor="agent:bob") as bob:
        theirs = bob.add("once", scope="acme/a", idempotency_key="k")
    assert len({mine.cube_id, elsewhere.cube_id, theirs.cube_id}) == 3


def test_a_retried_batch_has_one_effect_and_the_same_receipts(memory: Memory) -> None:
    items = [{"text": f"item {n}", "scope": "acme"} for n in range(4)]
    first = memory.add_many(items, idempotency_key="batch")
    assert memory.add_many(items, idempotency_key="batch") == first
    assert memory.stats().memories == 4


def test_a_batch_with_one_wrong_retry_changes_nothing(memory: Memory) -> None:
    known = {"text": "known", "scope": "acme", "idempotency_key": "k"}
    memory.add_many([known])
    before = memory.digest()
    with pytest.raises(OtherContent):
        memory.add_many([{**known, "text": "other content"}, {"text": "fresh", "scope": "acme"}])
    assert memory.digest() == before
    assert memory.search("fresh", scope="acme") == []


def test_retried_updates_and_merges_have_one_effect(memory: Memory) -> None:
    a = memory.add("one", scope="acme")
    b = memory.add("two", scope="acme")
    appended = [
        memory.update(a.cube_id, "more", mode="append", idempotency_key="u") for _ in range(3)
    ]
    assert appended == [appended[0]] * 3
    assert memory.get(a.cube_id).text == "one\nmore"  # type: ignore[union-attr]
    with pytest.raises(OtherContent):
        memory.update(a.cube_id, "other", mode="append", idempotency_key="u")
    merged = [memory.merge([a.cube_id, b.cube_id], idempotency_key="m") for _ in range(3)]
    assert merged == [merged[0]] * 3
    assert memory.stats().memories == 3


def test_a_retry_after_later_changes_still_gives_the_first_receipt(memory: Memory) -> None:
    first = memory.add("once", scope="acme", idempotency_key="k")
    memory.update(first.cube_id, "corrected")
    memory.archive(first.cube_id)
    assert memory.add("once", scope="acme", idempotency_key="k") == first
    assert memory.get(first.cube_id, any_state=True).text == "corrected"  # type: ignore[union-attr]


def test_a_retry_after_an_erase_brings_nothing_back(memory: Memory) -> None:
    first = memory.add("once", scope="acme", subject="ann", idempotency_key="k")
    memory.erase(subject="ann")
    with pytest.raises(AlreadyErased, match="fresh key"):
        memory.add("once", scope="acme", subject="ann", idempotency_key="k")
    assert isinstance(memory.get(first.cube_id), Forgotten)
    assert memory.search("once", scope="acme") == []
    assert memory.rebuild().digest == memory.digest()


def test_a_key_tried_by_many_threads_at_once_has_one_effect(memory: Memory) -> None:
    with ThreadPoolExecutor(8) as threads:
        receipts = list(
            threads.map(lambda _: memory.add("once", scope="acme", idempotency_key="k"), range(32))
        )
    assert receipts == [receipts[0]] * 32
    assert memory.stats().memories == 1
