"""A text that the model refuses stops no other, on either engine; it is named, and tried again."""

from __future__ import annotations

from memos import Memory, doctor
from tests.scenarios.meaning import PUPPY, VIOLIN, best
from tests.scenarios.place import MeaningPlace
from tests.waiting import wait_until

POISON = "The zyzzyva orchestra plays jazz."


def told(place: MeaningPlace) -> str:
    return "\n".join(f.what for f in doctor(place.path) if f.severity == "error")


def test_one_text_that_is_refused_is_set_aside_by_name(meaning_place: MeaningPlace) -> None:
    place = meaning_place
    memory = place.open()
    before = memory.embedding_lag().set_aside
    with place.embeddings.refusing("zyzzyva"):
        memory.add(PUPPY, scope=place.tenant)
        poison = memory.add(POISON, scope=place.tenant)
        after = memory.add(VIOLIN, scope=place.tenant)
        memory.embed_pending()
        lag = memory.embedding_lag()
        assert (lag.waiting, lag.set_aside) == (0, before + 1)
        assert best(memory, "music", place.tenant).cube_id == after.cube_id
        hits = memory.search("jazz", scope=place.tenant)
        assert hits[0].cube_id == poison.cube_id
        assert hits[0].explain["dense"]["embedded"] is False
        finding = told(place)
        assert f"memory {poison.cube_id}" in finding
        assert "zyzzyva" not in finding
        assert memory.audit().problems == ()
        memory.erase(cube_id=poison.cube_id)
    assert memory.embedding_lag().set_aside == before
    assert poison.cube_id not in told(place)


def test_a_rebuild_tries_again_what_was_set_aside(meaning_place: MeaningPlace) -> None:
    place = meaning_place
    memory = place.open()
    with place.embeddings.refusing("zyzzyva"):
        poison = memory.add(POISON, scope=place.tenant)
        memory.embed_pending()
        assert poison.cube_id in told(place)
    memory.rebuild()
    memory.embed_pending()
    wait_until(lambda: poison.cube_id not in told(place), "it is set aside no longer")
    again: Memory = place.open()
    assert best(again, "music", place.tenant).cube_id == poison.cube_id


def test_a_model_that_is_away_sets_nothing_aside(meaning_place: MeaningPlace) -> None:
    place = meaning_place
    memory = place.open()
    before = memory.embedding_lag().set_aside
    with place.embeddings.gone():
        memory.add(PUPPY, scope=place.tenant)
        wait_until(lambda: memory.embedding_lag().waiting > 0, "it waits")
    memory.embed_pending()
    assert memory.embedding_lag().set_aside == before
