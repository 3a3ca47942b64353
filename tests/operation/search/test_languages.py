"""What is written in any script is found, whatever is joined to a word, and signs keep their meaning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory
from tests.operation.search.languages import CASES, MOST_MISSED


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    place: Path = tmp_path_factory.mktemp("languages")
    texts = dict.fromkeys(text for case in CASES for text in (case.other, case.wanted))
    with Memory(place / "vault") as opened:
        opened.add_many([{"text": text, "scope": "acme"} for text in texts])
        yield opened


def test_the_table_has_a_hundred_queries_in_twenty_scripts() -> None:
    assert len(CASES) >= 100
    assert len({case.script for case in CASES} - {"Signs", "Numbers"}) >= 20


def test_nearly_every_query_finds_its_text_first(memory: Memory) -> None:
    missed = [
        f"{case.script}: {case.query}"
        for case in CASES
        if [hit.text for hit in memory.search(case.query, scope="acme", k=1)] != [case.wanted]
    ]
    assert len(missed) <= MOST_MISSED, missed


FORMS = {
    "кола": "Колата е в гаража.",
    "ISIK köpek": "Köpeği ışıkta gördüm.",
    "lodz": "Mieszkam w Łodzi.",
    "zluty kun": "Viděl žlutého koně.",
    "iskola": "A gyerek az iskolában van.",
    "Helsinki": "Asun Helsingissä.",
    "kirjasto": "Kirjastossa on hiljaista.",
    "Caerdydd": "Rwy'n byw yng Nghaerdydd.",
    "SK1472": "Flight SK-1472 leaves at nine.",
    "b-12": "Takes vitamin B12 daily.",
}


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory(tmp_path_factory.mktemp("forms") / "vault") as opened:
        others = ("Gate SK 99.", "Vitamin C daily.", "Ein Hund im Garten.")
        texts = [*FORMS.values(), *others]
        opened.add_many([{"text": text, "scope": "acme"} for text in texts])
        yield opened


@pytest.mark.parametrize(("query", "wanted"), FORMS.items())
def test_a_word_that_finds_nothing_is_looked_for_in_its_forms(
    forms: Memory, query: str, wanted: str
) -> None:
    hits = forms.search(query, scope="acme")
    assert [hit.text for hit in hits][:1] == [wanted]
    assert hits.explain["meant"]


def test_forms_are_not_looked_for_where_anything_is_found(forms: Memory) -> None:
    hits = forms.search("iskola Garten", scope="acme")
    assert [hit.text for hit in hits] == ["Ein Hund im Garten."]
    assert "meant" not in hits.explain
