"""Promise 14: same engine, position, read time and query, same list."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from memos import Memory

NOW = 1_700_000_000_000_000


def fill(memory: Memory) -> None:
    for n in range(40):
        scope = f"acme/{'xyz'[n % 3]}"
        memory.add(f"pottery {'gardens ' * (n % 4)}", scope=scope, subject=f"s{n % 5}")


def answer(
    memory: Memory, query: str = "pottery gardens", **given: object
) -> list[tuple[object, ...]]:
    hits = memory.search(query, scope="acme", k=100, **given)  # type: ignore[arg-type]
    return [(hit.cube_id, hit.version, hit.score, hit.explain) for hit in hits]


def test_a_search_is_the_same_again_after_reopening_and_after_a_rebuild(vault: Path) -> None:
    with Memory(vault, clock=lambda: NOW) as memory:
        fill(memory)
        first = answer(memory)
        assert answer(memory) == first
    with Memory(vault, clock=lambda: NOW) as memory:
        assert answer(memory) == first
        memory.rebuild()
        assert answer(memory) == first
    assert len(first) == 40


def test_of_equal_scores_the_newer_comes_first_wherever_they_are(memory: Memory) -> None:
    receipts = [memory.add("pottery", scope=f"acme/{'ba'[n % 2]}") for n in range(20)]
    found = [hit.cube_id for hit in memory.search("pottery", scope="acme", k=100)]
    assert found == [receipt.cube_id for receipt in reversed(receipts)]


def test_the_order_of_equals_does_not_tell_of_what_was_erased(memory: Memory) -> None:
    gone = memory.add("pottery", scope="acme/x")
    first = memory.add("pottery", scope="acme/y")
    second = memory.add("pottery", scope="acme/x")
    memory.erase(cube_id=gone.cube_id)
    expected = [second.cube_id, first.cube_id]
    assert [hit.cube_id for hit in memory.search("pottery", scope="acme")] == expected
    memory.rebuild()
    assert [hit.cube_id for hit in memory.search("pottery", scope="acme")] == expected


def test_a_search_at_a_position_is_the_same_however_the_log_goes_on(memory: Memory) -> None:
    fill(memory)
    position = memory.name_cut("then").position
    first = answer(memory, as_of="then")
    fill(memory)
    for entry in list(memory.events(kind="Generated"))[:10]:
        memory.update(entry.cube_id, "gardens of pottery, changed")
    assert answer(memory, as_of="then") == first
    assert [hit[:3] for hit in answer(memory, as_of=str(position))] == [hit[:3] for hit in first]
    memory.rebuild()
    assert answer(memory, as_of="then") == first


def test_scores_fall_and_every_hit_is_explained(memory: Memory) -> None:
    fill(memory)
    hits = memory.search("pottery gardens", scope="acme", k=100)
    assert all(one.score >= other.score for one, other in pairwise(hits))
    assert all(hit.explain["searched"] == 40 for hit in hits)
