from __future__ import annotations

import numpy as np
import pytest

from memos.infrastructure.index.port import Ints, Nearest
from memos.language.analyzer import Analyzer
from memos.language.sentences import MOST_SENTENCES, texts_to_embed
from memos.operation.search.conversation import Neighbours
from memos.operation.search.dense import Floats, dense_of, first_person

ANALYZER = Analyzer(bytes(32))
SPEAKERS = frozenset(ANALYZER.exact_term("speaker", name) for name in ("caroline", "jose"))


def embedded(text: str, caption: str = "") -> list[str]:
    return texts_to_embed(text, caption)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("When did Caroline go?", "When did I go?"),
        ("What is Caroline's dog called?", "What is my dog called?"),
        ("What is CAROLINE’s dog, José?", "What is my dog, I?"),
        ("Did Carolines or Melanie go?", "Did Carolines or Melanie go?"),
    ],
)
def test_speakers_in_a_query_speak_for_themselves(asked: str, said: str) -> None:
    assert first_person(asked, ANALYZER, SPEAKERS) == said


def test_a_text_is_embedded_whole_and_by_sentence() -> None:
    whole = "Oh no! I lost my dog. Have you seen him? Thanks."
    assert embedded(whole) == [
        whole, "Oh no! I lost my dog.", "Have you seen him? Thanks.",
    ]  # fmt: skip


def test_a_text_of_one_sentence_is_embedded_once_and_an_empty_one_never() -> None:
    assert embedded("I lost my dog.") == ["I lost my dog."]
    assert embedded("Hi!") == ["Hi!"]
    assert embedded(" ") == []


def test_a_caption_is_a_sentence_of_its_own() -> None:
    assert embedded("Look at this one!", "a dog") == [
        "Look at this one! [image: a dog]", "Look at this one!", "[image: a dog]",
    ]  # fmt: skip
    assert embedded("", "a dog") == ["[image: a dog]"]


def test_a_text_of_very_many_sentences_is_cut_in_stretches_and_loses_nothing() -> None:
    text = " ".join(f"This is sentence number {n}." for n in range(500))
    parts = embedded(text)
    assert parts[0] == text
    assert len(parts) <= 1 + MOST_SENTENCES
    assert " ".join(parts[1:]) == text


def estimated(count: int) -> tuple[Nearest, list[list[int]]]:
    """Estimates of nearness of docs 0, 2, 4, …, that are all a little too high; and what was asked."""
    true = np.linspace(0.1, 0.9, count)
    asked: list[list[int]] = []

    def exactly(columns: Ints) -> tuple[Floats, Floats]:
        asked.append(columns.tolist())
        return true[None, columns], true[None, columns]

    estimates = true[None] + 0.001
    docs = 2 * np.arange(count, dtype=np.int64)
    return Nearest(docs, estimates, estimates, complete=True, exactly=exactly), asked


def test_what_is_best_by_words_or_nearest_is_compared_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memos.operation.search.dense.CONTENDERS", 2)
    nearest, asked = estimated(20)
    dense = dense_of("model", nearest.docs, nearest, np.zeros(20, np.int64))
    words = np.zeros(20)
    words[[3, 4, 5]] = 1.0, 3.0, 2.0
    exact = dense.exact_for([words], None)
    assert asked == [[4, 5, 18, 19]]
    off = np.abs(exact.near - np.linspace(0.1, 0.9, 20)) > 5e-4
    assert np.flatnonzero(~off).tolist() == [4, 5, 18, 19]


def test_equal_texts_stay_equal_whichever_of_them_are_compared_exactly(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memos.operation.search.dense.CONTENDERS", 2)
    nearest, _ = estimated(20)
    alike = Nearest(
        nearest.docs,
        np.full((1, 20), 0.70043),
        np.full((1, 20), 0.60043),
        complete=True,
        exactly=lambda columns: (np.full((1, len(columns)), 0.7), np.full((1, len(columns)), 0.6)),
    )
    dense = dense_of("model", alike.docs, alike, np.zeros(20, np.int64))
    assert set(dense.exact_for([np.eye(20)[7]], None).near.tolist()) == {0.67}


def test_what_stands_beside_the_best_is_compared_exactly_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memos.operation.search.dense.CONTENDERS", 1)
    nearest, asked = estimated(9)
    dense = dense_of("model", nearest.docs, nearest, np.zeros(9, np.int64))
    rows, none = np.arange(9), np.full(9, 9)
    before, after = np.append(9, rows[:-1]), np.append(rows[1:], 9)
    neighbours = Neighbours(before, none, after, none, none, np.zeros(9, np.int64), 1)
    dense.exact_for([np.eye(9)[3]], neighbours)
    assert asked == [[2, 3, 4, 7, 8]]


def test_rows_that_are_not_embedded_get_the_mean_and_are_never_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("memos.operation.search.dense.CONTENDERS", 2)
    nearest, asked = estimated(5)
    shown = np.arange(9)
    dense = dense_of("model", shown, nearest, np.zeros(9, np.int64))
    assert np.flatnonzero(dense.compared).tolist() == [0, 2, 4, 6, 8]
    assert dense.text[[1, 3, 5, 7]] == pytest.approx(nearest.texts.mean())
    exact = dense.exact_for([np.eye(9)[3]], None)
    assert exact.text[3] == dense.text[3]
    assert asked == [[3, 4]]  # rows 6 and 8


def test_each_row_is_compared_with_its_own_query() -> None:
    both = np.array([[0.1, 0.2, 0.3], [0.7, 0.8, 0.9]])
    nearest = Nearest(np.arange(3, dtype=np.int64), both, both, complete=True)
    dense = dense_of("model", nearest.docs, nearest, np.array([0, 1, 0]))
    assert dense.text.tolist() == [0.1, 0.8, 0.3]
    assert dense.exact_for([np.ones(3)], None) is dense
