from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from memos.infrastructure.index.port import SpanChange, View
from memos.language.analyzer import Analyzer
from memos.language.indexed_text import IndexedText, Place
from memos.operation.search.calibration import ANY, calibration_of
from memos.operation.search.ranking import LexicalQuery, rank
from memos.operation.search.recipe import LEXICAL
from memos.operation.search.relevance import lead_of_others, relevance
from tests.infrastructure.index.sqlite.support import Vault, cube_id

ANALYZER = Analyzer(bytes(32))
TEXTS = ["A copper lantern.", "A lantern by the river.", "A violin."]


@pytest.fixture
def view(tmp_path: Path) -> View:
    vault = Vault(tmp_path / "index.db")
    vault.apply(
        *(
            SpanChange(
                cube_id(n), "acme", n, 1, 1, 0,
                IndexedText(*ANALYZER.index_terms(text)[:2], Place(n + 1, 0, n + 7, 0)),
            )
            for n, text in enumerate(TEXTS)
        )
    )  # fmt: skip
    return vault.index.view("acme", None)


def likely(view: View, query: str, names: frozenset[int] = frozenset()) -> list[float]:
    ranking = rank(view, LexicalQuery(ANALYZER.query_terms(query), names), LEXICAL)
    return [float(each) for each in ranking.relevance(np.arange(3))]


def test_what_has_more_of_the_words_is_likelier(view: View) -> None:
    both, one, none = likely(view, "copper lantern")
    assert 1 > both > one > none > 0


def test_a_word_that_nothing_has_makes_all_less_likely(view: View) -> None:
    assert likely(view, "lantern")[0] > likely(view, "lantern submarine")[0]


def test_what_somebody_else_said_is_less_likely(view: View) -> None:
    assert likely(view, "lantern", frozenset({7}))[0] > likely(view, "lantern")[0]
    assert likely(view, "lantern", frozenset({7}))[1] < likely(view, "lantern")[1]


def test_what_is_less_likely_than_asked_for_is_left_out_of_the_list(view: View) -> None:
    ranking = rank(view, LexicalQuery(ANALYZER.query_terms("copper lantern"), frozenset()), LEXICAL)
    both, one, _ = ranking.relevance(np.arange(3))
    assert [row for row, _ in ranking.best_first(None, float(one))] == [0, 1]
    assert [row for row, _ in ranking.best_first(None, float(both))] == [0]
    assert list(ranking.best_first(None, 1.0)) == []


def test_nearness_in_meaning_counts_where_it_is_known() -> None:
    covered = np.array([0.5])
    for model in (ANY, calibration_of("multilingual-e5-small")):
        near, far = (
            relevance(model.curve, covered, np.array([cosine]), None)[0] for cosine in (0.8, 0.1)
        )
        assert near > far


def test_in_another_language_nearness_alone_is_enough() -> None:
    curve = calibration_of("multilingual-e5-small").curve
    answer, other = relevance(curve, np.zeros(2), np.array([0.4, 0.15]), None)
    assert answer > 0.5 > other


def test_what_another_has_told_makes_what_is_asked_less_likely(view: View) -> None:
    told, other = (likely(view, "copper lantern", frozenset({name})) for name in (7, 8))
    assert told[0] > other[0], (
        "all of it was told by the speaker whom the second query does not name"
    )
    assert told[1] > other[1], "also of the little that the named one said"
    assert lead_of_others([], 3, np.array([True, False, False]), np.zeros(3, np.bool_)) == 0.0
