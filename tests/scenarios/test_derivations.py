"""What is made of memories: it shares their fate, and nothing is made of what was erased."""

from __future__ import annotations

import pytest

from memos import Forgotten, Memory, NotFound, SourceErased
from tests.scenarios.place import Place, read, texts


def test_nothing_is_made_of_what_was_erased(place: Place, memory: Memory, tenant: str) -> None:
    erased = memory.add("Ann has the flu", scope=tenant).cube_id
    kept = memory.add("Bob is well", scope=tenant).cube_id
    memory.erase(cube_id=erased)
    events = len(list(memory.events()))
    for derive in (
        lambda: memory.add("A patient is ill", scope=tenant, derived_from=[erased]),
        lambda: memory.add_many(
            [
                {"text": "Bob", "scope": tenant},
                {"text": "ill", "scope": tenant, "derived_from": [kept, erased]},
            ]
        ),
        lambda: memory.merge([kept, erased]),
        lambda: memory.link(kept, erased, "derived_from"),
        lambda: memory.link(kept, erased, "same_text_as"),
    ):
        with pytest.raises(SourceErased, match="nothing was written") as refused:
            derive()
        assert refused.value.cube_ids == (erased,)
    assert len(list(memory.events())) == events
    assert read(memory, kept).text == "Bob is well"
    outsider = place.open("agent:eve", tenant=f"{tenant}x")
    with pytest.raises(NotFound):
        outsider.add("ill", scope=f"{tenant}x", derived_from=[erased])


def test_an_extraction_leaves_out_what_is_erased_while_it_reads(
    place: Place, memory: Memory, tenant: str
) -> None:
    first = memory.add("Ann has the flu", scope=tenant).cube_id
    memory.add("Bob has a cold", scope=tenant)
    other = place.open()

    def slow(text: str) -> list[str]:
        if "Ann" in text:
            other.erase(cube_id=first)
        return [f"somebody is ill: {text}"]

    report = memory.extract_facts(tenant, slow, name="slow")
    assert (report.read, report.added) == (2, 1)
    found = texts(memory.search("ill", scope=tenant, facts=True, k=5))
    assert found == ["somebody is ill: Bob has a cold"]


def test_who_only_says_the_same_shares_no_subject(memory: Memory, tenant: str) -> None:
    anns = memory.add("I like tea", scope=tenant, subject="ann").cube_id
    bobs = memory.add("I like tea", scope=tenant, subject="bob").cube_id
    newer = memory.add("I like green tea", scope=tenant, subject="bob").cube_id
    memory.link(bobs, anns, "same_text_as")
    memory.link(newer, anns, "supersedes")
    receipt = memory.erase(subject="ann")
    assert receipt.cube_ids == (anns,)
    assert read(memory, bobs).text == "I like tea"
    assert read(memory, newer).text == "I like green tea"
    assert isinstance(memory.get(anns), Forgotten)
