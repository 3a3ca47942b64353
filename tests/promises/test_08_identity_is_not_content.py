"""Promise 8: equal texts are two cubes; nothing is dropped for being similar."""

from __future__ import annotations

from memos import Memory


def test_equal_texts_are_two_memories(memory: Memory) -> None:
    first, second = (memory.add("She likes pottery.", scope="acme") for _ in range(2))
    assert first.cube_id != second.cube_id
    hits = memory.search("pottery", scope="acme")
    assert {hit.cube_id for hit in hits} == {first.cube_id, second.cube_id}
    assert len({hit.score for hit in hits}) == 1


def test_changing_or_erasing_one_of_two_equal_texts_leaves_the_other(memory: Memory) -> None:
    first, second = memory.add_many([{"text": "Same.", "scope": "acme"}] * 2)
    memory.update(first.cube_id, "Different.")
    other = memory.get(second.cube_id)
    assert other
    assert other.text == "Same."
    memory.erase(cube_id=first.cube_id)
    assert [hit.cube_id for hit in memory.search("same", scope="acme")] == [second.cube_id]


def test_a_batch_of_equal_texts_is_kept_whole(memory: Memory) -> None:
    receipts = memory.add_many([{"text": "again", "scope": "acme"} for _ in range(50)])
    assert len({receipt.cube_id for receipt in receipts}) == 50
    assert len(memory.search("again", scope="acme", k=100)) == 50


def test_equal_texts_have_nothing_in_common_in_the_log(memory: Memory) -> None:
    receipts = [memory.add("equal", scope="acme") for _ in range(2)]
    digests = set()
    with memory._session.engine.read() as reader:
        for receipt in receipts:
            digests.add(reader.event(receipt.position).body.box[12:])
    assert len(digests) == 2


def test_same_text_as_carries_no_taint(memory: Memory) -> None:
    original = memory.add("a rumour", scope="acme", source="web:bad")
    repeated = memory.add("a rumour", scope="acme", source="person:ann")
    memory.link(repeated.cube_id, original.cube_id, "same_text_as")
    undone = memory.rollback(source="web:bad")
    assert [change.cube_id for change in undone.changes] == [original.cube_id]
    assert memory.get(repeated.cube_id)
