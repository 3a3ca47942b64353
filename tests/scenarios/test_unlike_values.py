"""A memory whose value is of another kind than a filter's is passed over, and that is told."""

from __future__ import annotations

from typing import Any

import pytest

from memos import MemCube, Memory, NotFound
from tests.scenarios.place import Place, read, texts

FILTER = {"metadata.age": {"gte": 30}}


def tell(memory: Memory, tenant: str) -> dict[str, str]:
    """A scope in which ages are numbers, but for two; one of these only its owner reads."""
    ages: dict[str, Any] = {"Ana": 30, "Bob": 20, "Cem": "thirty"}
    hidden = {"text": "Dan rows.", "metadata": {"age": "40"}, "readers": ["agent:alice"]}
    items = [{"text": f"{name} rows.", "metadata": {"age": age}} for name, age in ages.items()]
    added = memory.add_many([{**item, "scope": f"{tenant}/a"} for item in (*items, hidden)])
    return dict(zip((*ages, "Dan"), (receipt.cube_id for receipt in added), strict=True))


def told(*cube_ids: str) -> str:
    have = "1 memory has" if len(cube_ids) == 1 else f"{len(cube_ids)} memories have"
    named = ", ".join(sorted(cube_ids))
    return f"{have} a text where metadata.age is compared as a number: {named}"


def test_every_read_passes_over_it_and_counts_what_the_caller_may_read(
    place: Place, memory: Memory, tenant: str
) -> None:
    ids = tell(memory, tenant)
    readers = {memory: (ids["Cem"], ids["Dan"]), place.open("agent:bob"): (ids["Cem"],)}
    for reader, odd in readers.items():
        hits = reader.search("rows", scope=tenant, filter=FILTER)
        assert texts(hits) == ["Ana rows."]
        assert hits.explain["not_compared"] == [told(*odd)]
        listed = reader.search("", scope=tenant, filter=FILTER)
        assert (texts(listed), listed.explain["not_compared"]) == (["Ana rows."], [told(*odd)])
        page = reader.list(scope=tenant, filter=FILTER)
        assert [cube.text for cube in page] == ["Ana rows."]
        assert page.not_compared == (told(*odd),)
        count = reader.count(scope=tenant, filter=FILTER)
        assert (count, count.not_compared) == (1, (told(*odd),))
        block = reader.context("rows", scope=tenant, budget_tokens=500, filter=FILTER)
        assert block.not_compared == (told(*odd),)
    assert "not_compared" not in memory.search("rows", scope=tenant).explain


def test_a_batch_passes_over_it_and_an_erase_leaves_it(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)
    odd = (told(ids["Cem"], ids["Dan"]),)
    plan = memory.tag_many(["grown"], scope=tenant, filter=FILTER, dry_run=True)
    assert ([one.cube_id for one in plan.memories], plan.not_compared) == ([ids["Ana"]], odd)
    assert memory.archive_many(scope=tenant, filter=FILTER).not_compared == odd
    with pytest.raises(NotFound, match="2 memories have a text where"):
        memory.archive_many(scope=tenant, filter=FILTER)
    assert memory.restore_many(scope=tenant, filter=FILTER).not_compared == ()
    # What is not told apart does not fit the opposite either: nothing is erased by a guess.
    younger = {"not": FILTER}
    assert memory.erase(scope=tenant, filter=younger, dry_run=True).not_compared == odd
    receipt = memory.erase(scope=tenant, filter=younger)
    assert (receipt.cube_ids, receipt.not_compared) == ((ids["Bob"],), odd)
    assert receipt.verify(memory.verifier_key())
    assert all(isinstance(read(memory, ids[name]), MemCube) for name in ("Ana", "Cem", "Dan"))
