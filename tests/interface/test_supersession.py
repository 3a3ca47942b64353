from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memos import Memory
from memos.kernel.errors import InvalidInput
from memos.operation.search import recipe as recipes

SCOPE = "acme/renata"
QUESTION = "Where does Renata live?"
QUITO = ("Renata lives in Quito.", "2019-02-01T00:00:00Z")
CUENCA = ("Renata moved to Cuenca.", "2021-06-01T00:00:00Z")
LOJA = ("Renata has settled in Loja.", "2023-03-01T00:00:00Z")


def tell(memory: Memory, *facts: tuple[str, str]) -> list[str]:
    return [memory.add(text, scope=SCOPE, valid_from=at).cube_id for text, at in facts]


def texts(memory: Memory, query: str = QUESTION, **options: object) -> list[str]:
    return [hit.text for hit in memory.search(query, scope=SCOPE, **options)]  # type: ignore[arg-type]


def test_the_newest_valid_memory_comes_first_and_the_older_stay(memory: Memory) -> None:
    tell(memory, QUITO, CUENCA, LOJA)
    found = texts(memory)
    assert found[0] == LOJA[0]
    assert set(found) == {QUITO[0], CUENCA[0], LOJA[0]}


def test_what_is_heard_of_late_is_ordered_by_when_it_was_true(memory: Memory) -> None:
    tell(memory, LOJA, QUITO, CUENCA)
    assert texts(memory)[0] == LOJA[0]


def test_of_two_that_began_together_the_later_written_is_the_correction(memory: Memory) -> None:
    right = ("Actually, Renata lives in Loja, not in Quito.", QUITO[1])
    tell(memory, QUITO, right)
    assert texts(memory)[0] == right[0]


def test_a_memory_without_a_valid_time_began_when_it_was_learned(memory: Memory) -> None:
    memory.add("Renata moved to Ambato.", scope=SCOPE)
    tell(memory, QUITO)
    assert texts(memory)[0] == "Renata moved to Ambato."


def test_a_tag_does_not_make_a_memory_newer(memory: Memory) -> None:
    old = memory.add("Renata lives in Quito.", scope=SCOPE)
    memory.add("Renata moved to Ambato.", scope=SCOPE)
    memory.tag(old.cube_id, "checked")
    assert texts(memory)[0] == "Renata moved to Ambato."


def test_what_has_not_begun_or_has_ended_is_not_current(memory: Memory) -> None:
    tell(memory, QUITO, ("Renata moved to Cuenca.", "2999-01-01T00:00:00Z"))
    memory.add(
        "Renata lives in Loja.",
        scope=SCOPE,
        valid_from="2020-01-01T00:00:00Z",
        valid_until="2020-03-01T00:00:00Z",
    )
    assert texts(memory)[0] == QUITO[0]


def test_as_of_searches_what_was_known_and_valid_at_what_was_true(memory: Memory) -> None:
    late = memory.add(QUITO[0], scope=SCOPE, valid_from=QUITO[1])
    tell(memory, LOJA, CUENCA)
    assert texts(memory, as_of=late.position) == [QUITO[0]]
    assert texts(memory, valid_at="2022-01-01T00:00:00Z") == [CUENCA[0], QUITO[0]]
    assert texts(memory, valid_at="2018-01-01T00:00:00Z") == []


def test_an_earlier_version_is_found_where_it_was_the_true_one(memory: Memory) -> None:
    (cube,) = tell(memory, QUITO)
    memory.update(cube, CUENCA[0], valid_from=CUENCA[1])
    memory.update(cube, LOJA[0], valid_from=LOJA[1])
    (hit,) = memory.search(QUESTION, scope=SCOPE, valid_at="2022-01-01T00:00:00Z")
    assert (hit.text, hit.version) == (CUENCA[0], 2)
    assert texts(memory) == [LOJA[0]]


def test_what_is_archived_today_is_not_found_at_an_earlier_valid_time(memory: Memory) -> None:
    (cube,) = tell(memory, QUITO)
    memory.update(cube, LOJA[0], valid_from=LOJA[1])
    memory.archive(cube)
    assert texts(memory, valid_at="2020-01-01T00:00:00Z") == []


def test_a_change_that_does_not_say_of_what_joins_by_its_values(memory: Memory) -> None:
    facts = (
        ("Henrik works at Tern Airways.", "2019-02-01T00:00:00Z"),
        ("Henrik left Tern Airways for Polar Freight.", "2020-02-01T00:00:00Z"),
        ("Henrik left Polar Freight for Gull & Sons.", "2021-02-01T00:00:00Z"),
        ("Henrik left the Quartet for the Trio.", "2022-02-01T00:00:00Z"),
    )
    tell(memory, *facts)
    assert texts(memory, "Who does Henrik work for?")[0] == facts[2][0]


def test_another_qualifier_or_subject_is_another_slot(memory: Memory) -> None:
    tell(
        memory,
        ("Owen's phone number is 11.", "2019-02-01T00:00:00Z"),
        ("Owen's work phone number is 22.", "2020-02-01T00:00:00Z"),
        ("Nadia's phone number is 33.", "2021-02-01T00:00:00Z"),
    )
    assert texts(memory, "What is Owen's phone number?")[0].endswith("11.")
    assert texts(memory, "What is Owen's work phone?")[0].endswith("22.")


@pytest.mark.parametrize("query", ["Where did Renata live before?", "Did Renata live in Quito?"])
def test_a_question_about_the_past_or_a_value_is_left_alone(memory: Memory, query: str) -> None:
    tell(memory, QUITO, LOJA)
    assert all("slot" not in hit.explain for hit in memory.search(query, scope=SCOPE))


def test_a_speaker_and_a_user_are_asked_for_as_themselves(memory: Memory) -> None:
    for number, (city, at) in enumerate((("Hove", "2022-01-01T00:00:00Z"), ("Bath", None))):
        turn = {"id": str(number), "speaker": "Gwen", "role": "user", "text": f"I live in {city}."}
        memory.add_conversation([turn], scope=SCOPE, session=str(number), at=at)
    assert texts(memory, "Where does Gwen live?")[0] == "I live in Bath."
    assert texts(memory, "Where do I live now?")[0] == "I live in Bath."


def test_explain_names_the_slot_and_what_took_the_place(memory: Memory) -> None:
    quito, cuenca, loja = tell(memory, QUITO, CUENCA, LOJA)
    told = {hit.cube_id: hit.explain for hit in memory.search(QUESTION, scope=SCOPE)}
    assert told[loja]["slot"] == {"asked": ["renata", "residence"], "rank": 1, "current": True}
    assert "superseded_by" not in told[loja]
    assert told[cuenca]["superseded_by"] == loja
    assert told[quito]["superseded_by"] == cuenca


def test_a_recipe_without_the_stage_ranks_by_words_alone(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = replace(recipes.LEXICAL, name="plain", supersession=0.0)
    monkeypatch.setitem(recipes.RECIPES, "plain", plain)
    tell(memory, QUITO, LOJA)
    assert texts(memory, recipe="plain")[0] == QUITO[0]


def test_a_rebuild_finds_the_same_and_no_memory_is_changed(memory: Memory) -> None:
    tell(memory, LOJA, QUITO, CUENCA)
    digest, before = memory.digest(), texts(memory)
    memory.rebuild()
    assert (memory.digest(), texts(memory)) == (digest, before)


def test_a_valid_time_that_is_none_is_refused(memory: Memory) -> None:
    with pytest.raises(InvalidInput, match="valid_at"):
        memory.search(QUESTION, scope=SCOPE, valid_at="soon")


def test_the_index_holds_no_clear_text_of_a_claim(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("Renata's landlord is Ignatius.", scope=SCOPE)
    stored = b"".join(path.read_bytes() for path in vault.iterdir() if path.is_file())
    assert b"landlord" not in stored
    assert b"ignatius" not in stored
