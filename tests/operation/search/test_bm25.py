from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from memos.infrastructure.index.port import SpanChange, View
from memos.language.analyzer import Analyzer, Other
from memos.operation.search.bm25 import K1, B, collection_of, idf, score_term
from tests.infrastructure.index.sqlite.support import Vault, cube_id

ANALYZER = Analyzer(bytes(32))
TEXTS = ["dog dog river", "river lantern copper violin harvest", "dog"]


@pytest.fixture
def view(tmp_path: Path) -> View:
    vault = Vault(tmp_path / "index.db")
    vault.apply(
        *(
            SpanChange(cube_id(n), "acme", n, 1, 1, 0, ANALYZER.index_terms(text))
            for n, text in enumerate(TEXTS)
        )
    )
    return vault.index.view("acme", None)


def test_a_rare_term_tells_more_and_none_tells_less_than_nothing() -> None:
    assert idf(3, 1) == math.log(1 + 2.5 / 1.5)
    assert idf(3, 1) > idf(3, 2) > idf(3, 3) > 0


def test_the_norm_of_the_average_length_is_k1(view: View) -> None:
    norm = collection_of(view, np.zeros(3, np.bool_)).norm
    assert norm.tolist() == [K1 * (1 - B + B * n / 3) for n in (3, 5, 1)]


def test_what_an_assistant_says_is_long_among_its_own_and_counts_as_told(view: View) -> None:
    found = collection_of(view, np.array([False, True, False]), 0.5)
    assert found.norm.tolist() == [K1 * (1 - B + B * n) for n in (3 / 2, 1, 1 / 2)]
    assert (found.share.tolist(), found.texts) == ([1, 0.5, 1], 2.5)
    alone = collection_of(view, np.ones(3, np.bool_), 0.5)
    assert alone.texts == 3


def test_a_term_is_scored_in_every_row_by_itself(view: View) -> None:
    (term,) = ANALYZER.query_terms("dog")
    found = collection_of(view, np.zeros(3, np.bool_))
    scored = score_term(view, term, found, None, None)
    expected = [
        idf(3, 2) * (K1 + 1) * tf / (tf + found.norm[row]) for row, tf in enumerate((2, 0, 1))
    ]
    np.testing.assert_allclose(scored.own, expected, rtol=1e-6)
    assert scored.lent is scored.own
    assert (scored.df, scored.idf) == (2, idf(3, 2))


def test_a_word_is_scored_by_the_best_of_its_spellings(view: View) -> None:
    (dog,), (violin,) = ANALYZER.query_terms("dog"), ANALYZER.query_terms("violin")
    found = collection_of(view, np.zeros(3, np.bool_))
    either = score_term(view, dog._replace(others=(Other(violin.term, 0.5),)), found, None, None)
    apart = [score_term(view, term, found, None, None).own for term in (dog, violin)]
    np.testing.assert_allclose(either.own, np.maximum(apart[0], apart[1] / 2))
    assert either.df == 2
