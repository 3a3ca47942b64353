"""With the multilingual model a question in one language finds what was said in another."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory
from tests.multilingual import installed
from tests.operation.search import languages
from tests.operation.search.meanings import CASES

FIRST = 0.8
AMONG_FIVE = 0.97
TABLE = languages.CASES[::3]
MOST_MISSED = languages.MOST_MISSED // 3 + 1
"""Meaning draws a single word elsewhere now and then."""

pytestmark = installed


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    place: Path = tmp_path_factory.mktemp("meanings")
    table = dict.fromkeys(text for case in TABLE for text in (case.other, case.wanted))
    with Memory(place / "vault", embedder="multilingual") as opened:
        opened.add_many(
            [{"text": case.text, "scope": f"acme/told/{n % 2}"} for n, case in enumerate(CASES)]
        )
        opened.add_many([{"text": text, "scope": "acme/table"} for text in table])
        opened.embed_pending()
        yield opened


def test_the_table_has_forty_questions_in_ten_languages_and_more() -> None:
    assert len(CASES) >= 40
    assert len({language for case in CASES for language in case[:2]}) >= 20


def test_a_question_finds_its_answer_in_another_language(memory: Memory) -> None:
    ranks = []
    for case in CASES:
        hits = memory.search(case.question, scope="acme/told", k=len(CASES))
        ranks.append([hit.text for hit in hits].index(case.text))
    assert sum(rank == 0 for rank in ranks) >= FIRST * len(CASES), ranks
    assert sum(rank < 5 for rank in ranks) >= AMONG_FIVE * len(CASES), ranks


def test_a_likelihood_tells_answers_from_what_is_of_something_else(memory: Memory) -> None:
    """More than half of the answers are kept, and of what is foreign at least two thirds left out."""
    kept = left_out = 0
    for number, case in enumerate(CASES):
        own, other = f"acme/told/{number % 2}", f"acme/told/{1 - number % 2}"
        hits = memory.search(case.question, scope=own, min_score=0.5)
        kept += case.text in [hit.text for hit in hits]
        left_out += memory.search(case.question, scope=other, min_score=0.5) == []
    assert kept >= 0.55 * len(CASES)
    assert left_out >= 0.66 * len(CASES)


def test_without_the_model_no_word_leads_there(memory: Memory) -> None:
    for case in CASES:
        hits = memory.search(case.question, scope="acme/told", k=1, recipe="lexical")
        assert [hit.text for hit in hits] != [case.text]


def test_words_in_any_script_find_their_texts_as_without_it(memory: Memory) -> None:
    missed = [
        f"{case.script}: {case.query}"
        for case in TABLE
        if memory.search(case.query, scope="acme/table", k=1)[0].text != case.wanted
    ]
    assert len(missed) <= MOST_MISSED, missed
