"""Facts extracted behind the write: derived, out of the way of searches, and reached by lineage."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from memos import Denied, Forgotten, InvalidInput, MemCube, Memory

SCOPE = "acme/alice"
TURNS = [
    {"id": "1", "speaker": "Ana", "text": "I moved to Oslo. My work phone is 22."},
    {"id": "2", "speaker": "Leo", "text": "Nice!"},
]


@pytest.fixture
def memory(vault: Path) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice") as opened:
        yield opened


@pytest.fixture
def turn(memory: Memory) -> str:
    at = "2023-05-01T00:00:00Z"
    return memory.add_conversation(TURNS, scope=SCOPE, session="1", at=at)[0].cube_id


def texts(memory: Memory, query: str = "Ana work phone residence", *, facts: bool) -> list[str]:
    return [hit.text for hit in memory.search(query, scope=SCOPE, facts=facts)]


def cube(memory: Memory, cube_id: str) -> MemCube:
    found = memory.get(cube_id, any_state=True)
    assert isinstance(found, MemCube)
    return found


def test_facts_are_cubes_derived_from_what_tells_them(memory: Memory, turn: str) -> None:
    report = memory.extract_facts(SCOPE)
    assert (report.read, report.added, report.present, report.left) == (2, 2, 0, 0)
    facts = [cube(memory, each) for each in report.cube_ids]
    assert {fact.text for fact in facts} == {"Ana's residence is oslo.", "Ana's work phone is 22."}
    for fact in facts:
        assert (fact.semantic_type, fact.scope) == ("fact", SCOPE)
        assert fact.source == cube(memory, turn).source
        assert fact.valid_from == cube(memory, turn).valid_from
        (edge,) = memory.lineage(fact.cube_id, direction="upstream").edges
        assert (edge.relation, edge.source) == ("derived_from", (turn, 1))


def test_searches_find_memories_unless_facts_are_asked_for(memory: Memory, turn: str) -> None:
    memory.extract_facts(SCOPE)
    assert set(texts(memory, facts=False)) <= {turn["text"] for turn in TURNS}
    assert "Ana's work phone is 22." in texts(memory, facts=True)
    only = memory.search("Ana phone", scope=SCOPE, filter={"semantic_type": "fact"})
    assert only[0].text == "Ana's work phone is 22."
    assert {hit.metadata["extractor"] for hit in only} == {"slots@1"}
    assert "Ana's" not in memory.context("Ana phone", scope=SCOPE).text


def test_facts_change_no_score_of_a_search_without_them(memory: Memory, turn: str) -> None:
    before = [(hit.cube_id, hit.score) for hit in memory.search("work phone", scope=SCOPE)]
    memory.extract_facts(SCOPE)
    assert [(hit.cube_id, hit.score) for hit in memory.search("work phone", scope=SCOPE)] == before


def test_a_users_own_facts_are_memories_like_any_other(memory: Memory) -> None:
    memory.add("Her phone is 5.", scope=SCOPE, semantic_type="fact")
    assert texts(memory, "phone", facts=False) == ["Her phone is 5."]


def test_a_repeat_reads_nothing_twice_and_makes_no_second_copy(memory: Memory, turn: str) -> None:
    asked: list[str] = []

    def extract(text: str) -> list[str]:
        asked.append(text)
        return [f"It was said: {text}"] if "Oslo" in text else []

    first = memory.extract_facts(SCOPE, extract, name="echo@1")
    assert asked == ["Ana: I moved to Oslo. My work phone is 22.", "Leo: Nice!"]
    digest = memory.digest()
    again = memory.extract_facts(SCOPE, extract, name="echo@1")
    assert (again.read, again.added, len(asked)) == (0, 0, 2)
    assert memory.digest() == digest
    # a scope below has no record of its own, but the same ids
    memory.add("More of Oslo.", scope=f"{SCOPE}/below")
    assert memory.extract_facts(f"{SCOPE}/below", extract, name="echo@1").added == 1
    wider = memory.extract_facts(SCOPE, extract, name="echo@1")
    assert (wider.read, wider.added, wider.present) == (1, 0, 1)
    assert len(first.cube_ids) == 1


def test_an_extractor_that_fails_keeps_what_was_read_before(memory: Memory, turn: str) -> None:
    def extract(text: str) -> list[str]:
        if "Nice" in text:
            raise TimeoutError("the model is gone")
        return ["a fact"]

    with pytest.raises(TimeoutError):
        memory.extract_facts(SCOPE, extract, name="model")
    report = memory.extract_facts(SCOPE, lambda text: [], name="model")
    assert (report.read, report.added) == (1, 0)
    assert "a fact" in texts(memory, "fact", facts=True)


def test_what_gave_no_facts_before_an_extractor_failed_is_read_again(
    memory: Memory, turn: str
) -> None:
    def failing(text: str) -> list[str]:
        if "Nice" in text:
            raise TimeoutError("the model is gone")
        return []  # it was going already

    with pytest.raises(TimeoutError):
        memory.extract_facts(SCOPE, failing, name="model")
    report = memory.extract_facts(SCOPE, lambda text: [f"told: {text}"], name="model")
    assert (report.read, report.added) == (2, 2)


def test_what_an_extractor_of_another_actor_read_is_not_read_for_this_one(
    vault: Path, memory: Memory, turn: str
) -> None:
    memory.add("Ana's tutor is Leo.", scope=SCOPE, readers=["agent:alice"])
    with Memory(vault, actor="agent:eve") as eve:
        assert eve.extract_facts(SCOPE, lambda text: [], name="slots@1").read == 2
        for entry in eve.events(scope=SCOPE, actor="agent:eve"):
            eve.set_header(entry.cube_id, owner="agent:alice", readers=[])
    report = memory.extract_facts(SCOPE)
    assert (report.read, report.added) == (3, 3)
    assert memory.extract_facts(SCOPE).read == 0


def test_what_was_read_is_told_to_nobody_else(vault: Path, memory: Memory) -> None:
    memory.add("Ana's tutor is Leo.", scope=SCOPE, readers=["agent:alice"])
    memory.extract_facts(SCOPE)
    made = {entry.cube_id for entry in memory.events(scope=SCOPE)}
    (record,) = (raw for raw in made if cube(memory, raw).semantic_type == "extraction")
    with Memory(vault, actor="agent:bob") as bob, pytest.raises(Denied):
        bob.get(record)


@pytest.mark.parametrize("answer", ["a text", [1], ["x"] * 101])
def test_an_extractor_gives_a_few_texts(memory: Memory, turn: str, answer: object) -> None:
    with pytest.raises(InvalidInput, match="extractor"):
        memory.extract_facts(SCOPE, lambda text: answer)  # type: ignore[arg-type,return-value]


def test_a_limit_leaves_the_rest_for_later(memory: Memory, turn: str) -> None:
    told: list[tuple[int, int]] = []
    one = memory.extract_facts(SCOPE, limit=1, progress=lambda *done: told.append(done))
    assert (one.read, one.left, told) == (1, 1, [(1, 1)])
    assert memory.extract_facts(SCOPE).read == 1


def test_the_facts_of_an_earlier_version_are_archived(memory: Memory) -> None:
    note = memory.add("Ana's tutor is Leo.", scope=SCOPE).cube_id
    (old,) = memory.extract_facts(SCOPE).cube_ids
    memory.update(note, "Ana's tutor is Mia.")
    report = memory.extract_facts(SCOPE)
    assert (report.read, report.added, report.archived) == (1, 1, 1)
    assert cube(memory, old).state == "Archived"
    facts = memory.search("Ana tutor", scope=SCOPE, filter={"semantic_type": "fact"}, states=None)
    assert "Ana's tutor is mia." in [hit.text for hit in facts]


def test_the_newest_fact_of_a_slot_comes_first(memory: Memory) -> None:
    for text, year in (("Renata's gym is Vela.", 2020), ("Renata's gym is Norte.", 2022)):
        memory.add(text, scope=SCOPE, valid_from=f"{year}-01-01")
    memory.extract_facts(SCOPE)
    hits = memory.search("What is Renata's gym?", scope=SCOPE, facts=True)
    assert "orte" in hits[0].text


def test_rollback_of_the_source_reaches_its_facts(memory: Memory) -> None:
    memory.add("Ana's tutor is Leo.", scope=SCOPE, source="web:blog/1")
    (fact,) = memory.extract_facts(SCOPE).cube_ids
    memory.rollback(source="web:blog")
    assert cube(memory, fact).state == "Archived"
    assert texts(memory, "tutor", facts=True) == []


def test_erase_of_the_subject_reaches_its_facts(memory: Memory) -> None:
    memory.add("Ana's tutor is Leo.", scope=SCOPE, subject="ana")
    (fact,) = memory.extract_facts(SCOPE).cube_ids
    receipt = memory.erase(subject="ana")
    assert fact in receipt.cube_ids
    assert isinstance(memory.get(fact), Forgotten)


def test_a_fact_is_read_by_those_who_may_read_its_source(vault: Path, memory: Memory) -> None:
    memory.add("Ana's tutor is Leo.", scope=SCOPE, readers=["agent:alice"])
    memory.extract_facts(SCOPE)
    with Memory(vault, actor="agent:bob") as other:
        assert other.search("tutor", scope=SCOPE, facts=True) == []
        assert other.extract_facts(SCOPE).read == 0


@pytest.mark.parametrize("given", [None, "a text", 5, [1], {"a": 1}])
def test_an_extractor_that_gives_something_else_is_told_so(tmp_path: Path, given: Any) -> None:
    with Memory(tmp_path / "vault", actor="agent:alice") as memory:
        memory.add("She likes pottery.", scope="acme")
        with pytest.raises(InvalidInput, match="an extractor gives a list of texts"):
            memory.extract_facts("acme", lambda text: given, name="odd")
