"""Search by words and meaning, from the caller's side: the same on both engines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from memos import Denied, Forgotten, Memory
from tests.embeddings import Embeddings
from tests.fleet import Fleet
from tests.scenarios.conftest import SECONDS
from tests.scenarios.meaning import BOILER, FACTS, PUPPY, QUERIES, VIOLIN, best, dense, tell
from tests.scenarios.place import ADMINISTRATOR, MeaningPlace, read, texts

NEAR = 2e-3
"""Embedded keeps vectors in half precision: two engines' scores agree as far as that goes."""


@pytest.fixture
def place(meaning_place: MeaningPlace) -> MeaningPlace:
    """Here, every vault is opened with an embedder."""
    return meaning_place


def test_what_shares_no_word_with_the_query_is_found_by_its_meaning(
    memory: Memory, tenant: str
) -> None:
    tell(memory, tenant)
    for query, text in (("music", VIOLIN), ("their new dog", PUPPY), ("heating", BOILER)):
        assert memory.search(query, scope=tenant, recipe="lexical") == []
        assert best(memory, query, tenant).text == text
    assert memory.context("music", scope=tenant, budget_tokens=2000).citations
    assert memory.embedding_lag().waiting == 0


@pytest.mark.engines
@pytest.mark.timeout(SECONDS)
def test_both_engines_rank_alike_by_words_and_meaning(
    meaning_fleet: Fleet, embeddings: Embeddings, tmp_path: Path
) -> None:
    tenant = MeaningPlace("distributed", meaning_fleet.path, embeddings).tenant
    found: list[list[list[tuple[int, int]]]] = []
    scores: list[list[float]] = []
    for path in (tmp_path / "team.vault", meaning_fleet.path):
        with Memory(path, actor=ADMINISTRATOR, embedder=embeddings.embedder()) as memory:
            ids = tell(memory, tenant)
            memory.update(ids[2], "The boiler was sold; there is a stove now.")
            memory.archive(ids[5])
            memory.embed_pending()
            lists = [memory.search(scope=tenant, **query) for query in QUERIES]
            lists.append(memory.search("bride", scope=tenant, states=["Archived"]))
            lists.append(memory.search("heating", scope=f"{tenant}/0"))
            found.append([[(ids.index(h.cube_id), h.version) for h in hits] for hits in lists])
            scores.append([hit.score for hits in lists for hit in hits])
            again = [memory.search(scope=tenant, **query) for query in QUERIES]
            assert [[(h.cube_id, h.score) for h in hits] for hits in again] == [
                [(h.cube_id, h.score) for h in hits] for hits in lists[: len(QUERIES)]
            ]
    assert found[0] == found[1]
    assert scores[0] == pytest.approx(scores[1], abs=NEAR)
    assert all(found[0])


def test_filters_and_scopes_hold_for_meaning(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)

    def found(query: str, **given: Any) -> list[int]:
        given.setdefault("scope", tenant)
        return [ids.index(hit.cube_id) for hit in memory.search(query, k=50, **given)]

    assert found("music")[0] == 1
    assert set(found("music", scope=f"{tenant}/0")) == {0, 2, 4, 6}
    assert set(found("music", filter={"tags": "home"})) == {0, 2}
    assert found("music", filter={"priority": {"gte": 2}}) == [0]
    assert found("music", filter={"source": {"under": "chat:1"}}) == [1]
    assert found("music", filter={"tags": "none of these"}) == []
    assert 1 not in found("music", filter={"not": {"tags": "hobby"}})


def test_a_neighbour_that_may_not_be_seen_is_not_however_near(
    place: MeaningPlace, memory: Memory, tenant: str
) -> None:
    tell(memory, tenant)
    bob = place.open("agent:bob", tenant=tenant)
    queries = ("music", "a violin concert")
    before = [[(h.cube_id, h.score) for h in bob.search(q, scope=tenant)] for q in queries]
    rival = memory.add(VIOLIN, scope=f"{tenant}x/a").cube_id
    secret = memory.add("Music is a violin concert.", scope=tenant, readers=["agent:carol"]).cube_id
    memory.embed_pending()
    after = [[(h.cube_id, h.score) for h in bob.search(q, scope=tenant)] for q in queries]
    assert after == before
    assert best(place.open("agent:carol"), "a violin concert", tenant).cube_id == secret
    assert rival not in {hit.cube_id for hit in memory.search("music", scope=tenant, k=50)}
    with pytest.raises(Denied):
        bob.search("music", scope=f"{tenant}x")


def test_a_great_many_that_are_nearer_and_hidden_take_nobodys_place(
    place: MeaningPlace, memory: Memory, tenant: str
) -> None:
    """More are hidden, or filtered away, than an index gives candidates."""
    tell(memory, tenant)
    bob = place.open("agent:bob")
    asked: list[dict[str, Any]] = [
        {"query": "a violin concert"},
        {"query": "a violin concert", "filter": {"tags": "health"}},
    ]
    before = [[(h.cube_id, h.score) for h in bob.search(scope=tenant, **q)] for q in asked]
    for part in range(2):
        memory.add_many(
            [
                {"text": "A violin concert.", "scope": f"{tenant}/{part}", "readers": ["agent:eve"]}
                for _ in range(150)
            ]
        )
    memory.embed_pending()
    after = [[(h.cube_id, h.score) for h in bob.search(scope=tenant, **q)] for q in asked]
    assert after == before


def test_at_a_cut_a_position_and_a_time_the_vectors_are_those_of_then(
    memory: Memory, tenant: str
) -> None:
    ids = tell(memory, tenant)
    (entry,) = memory.events(cube_id=ids[-1])
    memory.name_cut(f"{tenant} before")
    then = [(hit.cube_id, hit.score) for hit in memory.search("music", scope=tenant, k=50)]
    changed = memory.update(ids[1], "She sold everything and took up rowing.")
    memory.archive(ids[0])
    memory.add("Jazz is played on the radio all day.", scope=tenant)
    memory.embed_pending()
    assert best(memory, "music", tenant).text == "Jazz is played on the radio all day."
    for as_of in (f"{tenant} before", entry.log_time):
        hits = memory.search("music", scope=tenant, k=50, as_of=as_of)
        assert [(hit.cube_id, hit.score) for hit in hits] == then
        assert all(dense(hit)["embedded"] for hit in hits)
    rowing = best(memory, "water sports", tenant, as_of=changed.position)
    assert (rowing.cube_id, rowing.version) == (ids[1], 2)


def test_valid_time_finds_the_meaning_of_what_held_then(memory: Memory, tenant: str) -> None:
    cube = memory.add("He works as a baker.", scope=tenant, valid_from="2020-01-01").cube_id
    memory.update(cube, "He is a pilot.", valid_from="2023-01-01")
    memory.add(BOILER, scope=tenant, valid_from="2020-01-01")
    memory.embed_pending()
    then = best(memory, "someone who makes bread", tenant, valid_at="2021-06-01")
    assert (then.text, then.version) == ("He works as a baker.", 1)
    now = best(memory, "aviation", tenant, valid_at="2024-06-01")
    assert (now.text, now.version) == ("He is a pilot.", 2)
    earlier = memory.search("someone who makes bread", scope=tenant, valid_at="2019-06-01")
    assert earlier == []


def test_vectors_follow_an_update_a_rollback_an_archive_and_a_restore(
    memory: Memory, tenant: str
) -> None:
    ids = tell(memory, tenant)
    memory.update(ids[1], "She sold everything and took up rowing.")
    memory.embed_pending()
    assert best(memory, "water sports", tenant).cube_id == ids[1]
    assert dense(best(memory, "music", tenant))["text"] < 0.3
    memory.rollback(ids[1], to_version=1)
    memory.embed_pending()
    found = best(memory, "music", tenant)
    assert (found.cube_id, found.text, found.version) == (ids[1], VIOLIN, 3)
    memory.archive(ids[1])
    memory.embed_pending()
    assert ids[1] not in {hit.cube_id for hit in memory.search("music", scope=tenant, k=50)}
    assert best(memory, "music", tenant, states=["Archived"]).cube_id == ids[1]
    memory.restore(ids[1])
    memory.embed_pending()
    assert best(memory, "music", tenant).cube_id == ids[1]


def test_an_undone_source_takes_its_meaning_along(memory: Memory, tenant: str) -> None:
    tell(memory, tenant)
    hoax = memory.add("Jazz is played all day.", scope=tenant, source="web:hoax/7").cube_id
    derived = memory.add("A concert every night.", scope=tenant, derived_from=[hoax]).cube_id
    memory.embed_pending()
    assert {hoax, derived} >= {h.cube_id for h in memory.search("music", scope=tenant, k=2)}
    memory.rollback(source="web:hoax", scope=tenant)
    memory.embed_pending()
    left = memory.search("music", scope=tenant, k=50)
    assert not {hoax, derived} & {hit.cube_id for hit in left}
    assert left[0].text == VIOLIN


def test_what_was_erased_is_found_by_no_meaning_at_any_time(
    place: MeaningPlace, memory: Memory, tenant: str, request: pytest.FixtureRequest
) -> None:
    ids = tell(memory, tenant)
    memory.update(ids[1], "She plays the cello. It is made of maple and spruce.")
    memory.embed_pending()
    memory.name_cut(f"{tenant} before")
    fleet: Fleet | None = None if place.is_embedded else request.getfixturevalue("meaning_fleet")
    if fleet is not None:
        assert len(fleet.vectors_of(ids[1])) == 4  # two texts, and the second's sentences
    told = memory.erase(cube_id=ids[1])
    counted = {each.kind: each.name for each in told.artefacts}
    assert counted["index texts"] == "2"
    assert int(counted["index vectors"]) >= 2
    memory.embed_pending()
    for as_of in (None, f"{tenant} before"):
        hits = memory.search("music", scope=tenant, k=50, as_of=as_of)
        assert len(hits) == len(FACTS) - 1
        assert ids[1] not in {hit.cube_id for hit in hits}
    assert isinstance(memory.get(ids[1]), Forgotten)
    if fleet is not None:
        assert fleet.vectors_of(ids[1]) == []
        assert len(fleet.vectors_of(ids[0])) == 1


def test_a_rebuild_ranks_as_before(memory: Memory, tenant: str) -> None:
    ids = tell(memory, tenant)
    memory.update(ids[2], "The boiler was sold; there is a stove now.")
    memory.erase(cube_id=ids[4])
    memory.name_cut(f"{tenant} before")
    memory.archive(ids[0])
    memory.embed_pending()
    asked = [*QUERIES, {"query": "pets", "as_of": f"{tenant} before"}]

    def found() -> list[list[tuple[str, float]]]:
        return [[(h.cube_id, h.score) for h in memory.search(scope=tenant, **q)] for q in asked]

    before, digest = found(), memory.digest()
    assert memory.rebuild().digest == digest
    memory.embed_pending()
    assert found() == before
    assert memory.audit().problems == ()
    added = memory.add("Jazz is played on the radio all day.", scope=tenant)
    memory.embed_pending()
    assert best(memory, "music", tenant).cube_id == added.cube_id


def test_what_waits_to_be_embedded_is_found_by_its_words_and_the_hit_says_so(
    place: MeaningPlace, memory: Memory, tenant: str
) -> None:
    tell(memory, tenant)
    with place.embeddings.hold("Zanzibar"):
        late = memory.add("Jazz is played in Zanzibar.", scope=tenant).cube_id
        hits = memory.search("jazz", scope=tenant, k=50)
        assert hits[0].cube_id == late
        assert dense(hits[0])["embedded"] is False
        assert dense(hits[0])["waiting"] == 1
        assert all(dense(hit)["embedded"] for hit in hits[1:])
        assert late not in {hit.cube_id for hit in memory.search("a concert", scope=tenant, k=50)}
        assert memory.embedding_lag().waiting >= 1
        assert read(memory, late).text == "Jazz is played in Zanzibar."
    memory.embed_pending()
    assert memory.embedding_lag().waiting == 0
    assert best(memory, "a concert", tenant).cube_id == late


def test_without_the_embedder_search_goes_by_words_and_says_why(
    place: MeaningPlace, memory: Memory, tenant: str
) -> None:
    ids = tell(memory, tenant)
    by_words = texts(memory.search("violin", scope=tenant, recipe="lexical"))
    with place.embeddings.gone():
        missing = memory.search("music", scope=tenant)
        assert missing == []
        for told in (missing.explain, memory.search("violin", scope=tenant)[0].explain):
            reason = told["dense"]["unavailable"]
            assert place.embeddings.url.split("/")[2] in reason
            assert "503" in reason
        assert texts(memory.search("violin", scope=tenant)) == by_words
        late = memory.add("Jazz is played on the radio all day.", scope=tenant).cube_id
        assert memory.search("jazz", scope=tenant)[0].cube_id == late
        assert place.embeddings.url.split("/")[2] in memory.embedding_lag().failure
    back = place.open()
    back.embed_pending()
    assert best(back, "music", tenant).cube_id in {late, ids[1]}
    assert back.embedding_lag().waiting == 0


def test_under_another_root_key_all_is_found_and_proven_as_before(
    place: MeaningPlace, memory: Memory, tenant: str
) -> None:
    """Workers and programs that have the vault open take the new key from its file."""
    tell(memory, tenant)
    again: dict[str, Any] = {"scope": f"{tenant}/0", "subject": "ann", "idempotency_key": "k"}
    made = memory.add("She likes pottery.", **again)
    other = place.open()
    verifier = memory.verifier_key()
    erased = memory.erase(cube_id=memory.add("gone", scope=tenant).cube_id)
    directory = place.path.parent
    root = directory / "team.vault" / "root.key" if place.is_embedded else directory / "root.key"
    before = root.read_text()
    memory.rotate_root_key()
    assert root.read_text() != before == root.with_name("root.key.old").read_text()
    root.with_name("root.key.old").unlink()  # other tests may rotate the key of this vault
    for program in (memory, other, place.open()):
        assert best(program, "music", tenant).text == VIOLIN
        assert program.add("She likes pottery.", **again) == made
        assert program.verifier_key() == verifier
    new = other.add("A cello is played there, too.", scope=f"{tenant}x/0")
    other.embed_pending()
    assert best(memory, "music", f"{tenant}x").cube_id == new.cube_id
    assert memory.prove(made.event_id).verify(verifier)
    assert erased.verify(verifier)
    assert memory.erase(cube_id=made.cube_id).verify(verifier)
    assert isinstance(other.get(made.cube_id), Forgotten)
    assert memory.audit().problems == ()
