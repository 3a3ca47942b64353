"""Search, context, related and route, from the caller's side."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memos import Hit, InvalidInput, MemCube, Memory
from tests.fleet import Fleet
from tests.scenarios.conftest import SECONDS
from tests.scenarios.place import ADMINISTRATOR, Place, read, texts

FACTS: list[dict[str, Any]] = [
    {"text": "Renata paints pottery on Sundays.", "tags": ["hobby"], "priority": 2},
    {"text": "Renata sells pottery and glass at the market.", "tags": ["work"]},
    {"text": "Her dog is called Rex and hates the market.", "tags": ["home"]},
    {"text": "Pottery pottery pottery: a song that Renata made up.", "tags": ["hobby"]},
    {"text": "The kiln stands in the garden behind the house.", "source": "chat:1/3"},
    {"text": "Renata lives in Quito.", "valid_from": "2019-02-01"},
    {"text": "Renata moved to Cuenca.", "valid_from": "2021-06-01"},
    {"text": "The market is closed on Mondays, but the garden is open.", "sensitivity": "public"},
]
IN_MANY_SCRIPTS = [
    ("Lodz", "Ewa mieszka w Łódź."),
    ("서울", "저는 서울에서 일해요."),
    ("ירושלים", "אחותי גרה בירושלים."),
    ("🇩🇪", "Our office in 🇩🇪"),
    ("5551234567", "Plumber: (555) 123-4567"),
]
QUERIES: list[dict[str, Any]] = [
    {"query": "pottery"},
    {"query": "Renata pottery market", "k": 3},
    {"query": "Where does Renata live?"},
    {"query": '"the garden"'},
    {"query": "market garden", "filter": {"tags": "work"}},
    {"query": "renata", "valid_at": "2020-01-01"},
    {"query": "kiln", "filter": {"source": {"under": "chat:1"}}},
    {"query": "nothing of the sort"},
]


def tell(memory: Memory, tenant: str) -> list[str]:
    return [memory.add(scope=f"{tenant}/{n % 2}", **fact).cube_id for n, fact in enumerate(FACTS)]


def shown(hits: list[Hit]) -> list[tuple[object, ...]]:
    return [(hit.text, hit.score, hit.version, hit.tags, hit.state) for hit in hits]


def test_a_search_is_narrowed_by_filters_and_scopes(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)

    def found(query: str, **given: Any) -> set[int]:
        given.setdefault("scope", tenant)
        return {ids.index(hit.cube_id) for hit in memory.search(query, k=50, **given)}

    assert found("pottery") == {0, 1, 3}
    assert found("pottery", scope=f"{tenant}/0") == {0}
    assert found("pottery", filter={"tags": "hobby"}) == {0, 3}
    assert found("pottery", filter={"priority": {"gte": 2}}) == {0}
    assert found("pottery", filter={"not": {"tags": "hobby"}}) == {1}
    assert found("garden", filter={"source": {"under": "chat:1"}}) == {4}
    assert found("garden", filter={"sensitivity": "public"}) == {7}
    assert found("renata", filter={"scope": f"{tenant}/1"}) == {1, 3, 5}
    assert found("zebra") == set()
    assert len(memory.search("renata", scope=tenant, k=2)) == 2
    with pytest.raises(InvalidInput):
        memory.search("pottery", scope=tenant, filter={"colour": "red"})


def test_the_same_search_gives_the_same_list(place: Place, memory: Memory, tenant: str) -> None:
    tell(memory, tenant)
    bob = place.open("agent:bob")
    for query in QUERIES:
        first = shown(memory.search(scope=tenant, **query))
        assert shown(memory.search(scope=tenant, **query)) == first
        assert shown(bob.search(scope=tenant, **query)) == first


def test_a_phrase_that_nobody_wrote_is_told_and_the_rest_is_shown(
    memory: Memory, tenant: str
) -> None:
    ids = tell(memory, tenant)
    found = memory.search('pottery "in the attic"', scope=tenant)
    assert found.explain["phrases_not_found"] == ["in the attic"]
    assert {hit.cube_id for hit in found} == {ids[0], ids[1], ids[3]}
    held = memory.search('pottery "paints pottery"', scope=tenant)
    assert [hit.cube_id for hit in held] == [ids[0]]
    assert "phrases_not_found" not in held.explain
    assert "it holds 'paints pottery'" in held[0].why


def test_inches_are_no_quotes(memory: Memory, tenant: str) -> None:
    memory.add('The desk has a 27" monitor.', scope=tenant)
    found = memory.search('27" monitor vs 32" monitor', scope=tenant)
    assert [hit.text for hit in found] == ['The desk has a 27" monitor.']
    assert "phrases" not in found.explain


def test_a_slip_of_the_pen_in_a_rare_word_still_finds(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)
    found = memory.search("potetry", scope=tenant)
    assert {hit.cube_id for hit in found} == {ids[0], ids[1], ids[3]}
    assert found.explain["meant"] == {"potetry": ["pottery"]}
    assert found[0].why == ("it has potetry (potetry taken for pottery)",)
    assert memory.search("zzebra", scope=tenant) == []


def test_a_word_that_only_others_may_read_mends_nothing(
    place: Place, memory: Memory, tenant: str
) -> None:
    memory.add("Szymborska", scope=tenant, readers=["agent:eve"])
    memory.add("Nothing of hers.", scope=tenant)
    found = place.open("agent:bob").search("Szymborksa", scope=tenant)
    assert found == []
    assert "meant" not in found.explain


def test_of_equals_the_newer_comes_first(memory: Memory, tenant: str) -> None:
    ids = [memory.add("The gate code changed.", scope=tenant).cube_id for _ in range(3)]
    assert [hit.cube_id for hit in memory.search("gate code", scope=tenant)] == ids[::-1]


def test_what_a_user_wants_always_is_found_for_a_task(memory: Memory, tenant: str) -> None:
    turns = [
        {"role": "user", "text": "Always put prices in euro when I ask about costs."},
        {"role": "assistant", "text": "I will."},
        {"role": "user", "text": "I need a tent for two people."},
        {"role": "assistant", "text": "A dome tent is light. Always check the pegs."},
        {"role": "user", "text": "The tent arrived, the pegs are bent."},
    ]
    memory.add_conversation(turns, scope=tenant, session="1")
    found = memory.search("Can you suggest a tent?", scope=tenant)
    wanted = next(hit for hit in found if hit.text == turns[0]["text"])
    assert "it says what the user wants always" in wanted.why
    recalled = memory.search("Did I order a tent?", scope=tenant)
    assert all("standing" not in hit.explain for hit in recalled)


def test_names_are_one_however_their_letters_are_written(memory: Memory, tenant: str) -> None:
    composed, decomposed = "Zoë", "Zoe\u0308"
    cube_id = memory.add(
        "Her file.",
        scope=f"{tenant}/{decomposed}",
        tags=[decomposed],
        subject=decomposed,
        source=f"crm:{decomposed}",
    ).cube_id
    cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    assert (cube.scope, cube.tags) == (f"{tenant}/{composed}", (composed,))
    for name in (composed, decomposed):
        found = memory.search("file", scope=f"{tenant}/{name}", filter={"tags": name})
        assert [hit.cube_id for hit in found] == [cube_id]
        assert [e.cube_id for e in memory.events(source=f"crm:{name}", scope=tenant)] == [cube_id]


@pytest.mark.parametrize(("query", "text"), IN_MANY_SCRIPTS)
def test_a_word_is_found_whatever_is_joined_to_it(
    memory: Memory, tenant: str, query: str, text: str
) -> None:
    memory.add(text, scope=tenant)
    memory.add("Something else 42", scope=tenant)
    assert [hit.text for hit in memory.search(query, scope=tenant)] == [text]


@pytest.mark.engines
@pytest.mark.timeout(SECONDS)
def test_both_engines_give_the_same_hits_in_the_same_order(fleet: Fleet, tmp_path: Path) -> None:
    """Scores too: a score is of the texts and nothing else."""
    answers = []
    tenant = Place("distributed", fleet.path).tenant
    for path in (tmp_path / "team.vault", fleet.path):
        with Memory(path, actor=ADMINISTRATOR) as memory:
            ids = tell(memory, tenant)
            memory.update(ids[4], "The kiln was sold; the garden is bare.")
            memory.archive(ids[7])
            block = memory.context("Where does Renata live?", scope=tenant)
            lines = [line.rpartition(" [")[0] for line in block.text.splitlines()]
            near = [
                (ids.index(each.cube_id), each.score, each.reasons)
                for each in memory.related(ids[0])
            ]
            path_of = memory.route("pottery at the market", scope=tenant)
            answers.append(
                (
                    [shown(memory.search(scope=tenant, **query)) for query in QUERIES],
                    [shown(memory.search("garden", scope=tenant, states=["Archived"]))],
                    lines,
                    [(reasonless, round(score, 9)) for reasonless, score, _ in near],
                    [(topic.scope, topic.score) for topic in path_of.topics],
                )
            )
    assert answers[0] == answers[1]
    assert answers[0][0][0]


def test_the_newest_of_what_replaces_one_another_comes_first(memory: Memory, tenant: str) -> None:
    tell(memory, tenant)
    assert texts(memory.search("Where does Renata live?", scope=tenant))[0] == FACTS[6]["text"]
    then = memory.search("Where does Renata live?", scope=tenant, valid_at="2020-06-01")
    assert texts(then)[0] == FACTS[5]["text"]


def test_a_context_quotes_and_cites_what_it_found(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)
    block = memory.context("pottery", scope=tenant, budget_tokens=2000)
    assert {cite.cube_id for cite in block.citations} == {ids[0], ids[1], ids[3]}
    assert all(f"[{cite.label}]" in block.text for cite in block.citations)
    small = memory.context("pottery", scope=tenant, budget_tokens=60)
    assert small.tokens <= 60
    assert len(small.citations) + len(small.left_out) == 3


def test_what_is_related_is_told_with_its_reasons(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)
    derived = memory.add("A note.", scope=tenant, derived_from=[ids[0]]).cube_id
    near = {each.cube_id: {r.kind for r in each.reasons} for each in memory.related(ids[0])}
    assert "lineage" in near[derived]
    assert "tag" in near[ids[3]]


def test_a_route_names_scopes_and_memories_in_order(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)
    planned = memory.route("sell pottery at the market", scope=tenant)
    assert planned.facts[0].cube_id == ids[1]
    assert {topic.scope for topic in planned.topics} <= {f"{tenant}/0", f"{tenant}/1"}
    assert "pottery" in {concept.name for concept in planned.concepts}


def test_a_tenant_with_nothing_in_it_finds_nothing(memory: Memory, tenant: str) -> None:
    assert memory.search("pottery", scope=tenant) == []
    assert memory.tags(tenant) == {}
    assert memory.context("pottery", scope=tenant).text == ""


def test_a_great_many_are_found_after_they_are_added_at_once(memory: Memory, tenant: str) -> None:
    memory.add_many(
        [
            {"text": f"Fact {n} is of topic{n % 7}.", "scope": f"{tenant}/{n % 5}"}
            for n in range(600)
        ]
    )
    assert len(memory.search("topic3", scope=tenant, k=200)) == len(range(3, 600, 7))
    last = memory.search("599", scope=tenant)[0]
    assert read(memory, last.cube_id).text == "Fact 599 is of topic4."


@pytest.mark.parametrize(("kept", "asked"), [("Łukasz", "Lukasz"), ("Soren", "Søren")])
def test_a_name_finds_whichever_letters_it_is_written_with(
    memory: Memory, tenant: str, kept: str, asked: str
) -> None:
    turns = [
        {"speaker": kept, "text": "The regatta is on Sunday."},
        {"speaker": "Ana", "text": "The regatta is on Sunday."},
    ]
    memory.add_conversation(turns, scope=tenant, session="1")
    named = memory.search(f"When does {asked} sail the regatta?", scope=tenant)
    assert named[0].metadata["speaker"] == kept
    assert "speaker" in named[0].explain["factors"]
    memory.add(f"A letter for {kept} Nowak came.", scope=tenant)
    for query in (asked, f'"{asked} Nowak"'):
        (found,) = memory.search(query, scope=tenant)
        assert found.text == f"A letter for {kept} Nowak came."
