"""Vectors of a scope in memory: estimates, exact nearness, growth, and what an erase leaves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest

from memos.infrastructure.index.port import Ints, Nearest
from memos.infrastructure.index.sqlite import scope_vectors
from memos.infrastructure.index.sqlite.nearest_in import nearest_in
from memos.infrastructure.index.sqlite.scope_vectors import ScopeVectors, no_vectors
from memos.infrastructure.index.sqlite.vector_rows import (
    BLOCK,
    GrowingRows,
    SentenceRows,
    TextRows,
    query_of,
)

DIMENSIONS = 24
Floats = npt.NDArray[np.float64]


def unit(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    vectors = rng.standard_normal((*shape, DIMENSIONS), dtype=np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), np.float32)


def texts_of(count: int, seed: int = 3) -> list[npt.NDArray[np.float16]]:
    """Of each text its own vector, and those of none, two or three sentences."""
    rng = np.random.default_rng(seed)
    rows = rng.choice([1, 3, 4], count)
    return [unit(rng, number).astype(np.float16) for number in rows.tolist()]


def scope_of(texts: list[npt.NDArray[np.float16]], docs: list[int] | None = None) -> ScopeVectors:
    docs = [3 * number for number in range(len(texts))] if docs is None else docs
    return no_vectors(DIMENSIONS).with_texts(docs, texts)


def expected(texts: list[npt.NDArray[np.float16]], query: npt.NDArray[np.float32]) -> list[Floats]:
    """Nearness of texts and of their best sentences, computed one by one."""
    near = [rows.astype(np.float64) @ query.astype(np.float64) for rows in texts]
    whole = np.array([each[0] for each in near])
    best = np.array([each[1:].max() if len(each) > 1 else each[0] for each in near])
    return [whole, best]


def sentences_of(texts: list[npt.NDArray[np.float16]], chosen: list[int]) -> list[int]:
    """The rows of the sentences of chosen texts."""
    ends = np.cumsum([0] + [len(rows) - 1 for rows in texts])
    return [row for n in chosen for row in range(ends[n], ends[n + 1])]


@pytest.mark.parametrize("all_exact", [10, 60, 10_000])
def test_several_scopes_are_compared_as_one_that_holds_them(
    all_exact: int, query: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope_vectors, "ALL_EXACT", all_exact)
    texts = texts_of(300)
    numbers = [list(range(100)), list(range(150, 180)), [*range(100, 150), *range(180, 300)]]
    parts = [scope_of([texts[n] for n in each], [3 * n for n in each]) for each in numbers]
    docs = np.arange(0, 900, 2)
    near, one = nearest_in(parts, docs, query), scope_of(texts).nearest(docs, query)
    np.testing.assert_array_equal(near.docs, one.docs)
    columns = np.array([99, 0, 7, 120, 50])
    exact, of_one = (each.exactly or _as_given(each) for each in (near, one))
    for mine, theirs in zip(exact(columns), of_one(columns), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_allclose(near.texts, one.texts, atol=0.01)
    assert not len(nearest_in(parts, np.empty(0, np.int64), query).docs)


def _as_given(near: Nearest) -> Callable[[Ints], tuple[Floats, Floats]]:
    return lambda columns: (near.texts[:, columns], near.sentences[:, columns])


@pytest.fixture
def query() -> npt.NDArray[np.float32]:
    return unit(np.random.default_rng(4), 2)


def test_few_texts_are_compared_exactly(query: npt.NDArray[np.float32]) -> None:
    texts = texts_of(100)
    near = scope_of(texts).nearest(np.arange(0, 300, 3), query)
    assert near.exactly is None
    for number in range(2):
        whole, best = expected(texts, query[number])
        np.testing.assert_allclose(near.texts[number], whole, atol=6e-6)
        np.testing.assert_allclose(near.sentences[number], best, atol=6e-6)


@pytest.mark.parametrize("every", [1, 2, 9])
def test_many_texts_are_estimated_and_exact_where_it_is_asked_for(
    every: int, query: npt.NDArray[np.float32], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope_vectors, "ALL_EXACT", 10)
    texts = texts_of(2_000)
    docs = 3 * np.arange(0, 2_000, every)
    near = scope_of(texts).nearest(docs, query)
    assert near.exactly is not None
    assert near.docs.tolist() == docs.tolist()
    asked = np.array([7, 0, 100])
    exact = near.exactly(asked)
    for number in range(2):
        for estimates, precise, true in zip(
            (near.texts, near.sentences), exact, expected(texts, query[number]), strict=True
        ):
            off = np.abs(estimates[number] - true[::every])
            assert 0 < off.mean() < (0.01 if estimates is near.texts else 0.25)
            np.testing.assert_allclose(precise[number], true[::every][asked], atol=6e-6)


def test_texts_that_come_later_and_in_any_order_are_found_by_their_docs(
    query: npt.NDArray[np.float32],
) -> None:
    texts = texts_of(60)
    docs = np.random.default_rng(5).permutation(60).tolist()
    grown = scope_of([], [])
    for begin in (0, 1, 20, 21, 59):
        end = {0: 1, 1: 20, 20: 21, 21: 59, 59: 60}[begin]
        grown = grown.with_texts(docs[begin:end], texts[begin:end])
    near = grown.nearest(np.arange(-5, 70, dtype=np.int64), query)
    assert near.docs.tolist() == list(range(60))
    whole, best = expected([texts[docs.index(doc)] for doc in range(60)], query[0])
    np.testing.assert_allclose(near.texts[0], whole, atol=6e-6)
    np.testing.assert_allclose(near.sentences[0], best, atol=6e-6)


def test_what_grows_does_not_move_what_is_there(query: npt.NDArray[np.float32]) -> None:
    before = scope_of(texts_of(50))
    kept = before.nearest(before.docs, query)
    (first, *_) = before.texts.stored._blocks
    after = before.with_texts([1], texts_of(1, seed=9))
    assert after.texts.stored._blocks[0] is first
    again = before.nearest(before.docs, query)
    np.testing.assert_array_equal(kept.texts, again.texts)
    assert len(after.nearest(after.docs, query).docs) == 51


def test_nothing_of_an_erased_text_stays_in_memory(query: npt.NDArray[np.float32]) -> None:
    texts = texts_of(40)
    vectors = scope_of(texts)
    gone = np.isin(vectors.docs, [0, 30, 117])
    left = vectors.without(gone)
    gone_texts, gone_sentences = [0, 10, 39], sentences_of(texts, [0, 10, 39])
    for rows, places in ((left.texts, gone_texts), (left.sentences, gone_sentences)):
        for kept in (each for each in vars(rows).values() if isinstance(each, GrowingRows)):
            empty = ~kept.take(np.arange(kept.count)).any(axis=1)
            assert np.flatnonzero(empty).tolist() == places
    near = left.nearest(np.arange(0, 120, 3), query)
    assert near.docs.tolist() == [3 * n for n in range(40) if n not in (0, 10, 39)]
    whole, _ = expected([texts[doc // 3] for doc in near.docs.tolist()], query[0])
    np.testing.assert_allclose(near.texts[0], whole, atol=6e-6)


def test_texts_without_vectors_are_passed_over(query: npt.NDArray[np.float32]) -> None:
    vectors = scope_of(texts_of(100))
    assert vectors.nearest(np.array([1, 3, 4, 500]), query).docs.tolist() == [3]
    assert not len(vectors.nearest(np.array([1, 500]), query).docs)
    assert not len(vectors.nearest(np.empty(0, np.int64), query).docs)
    assert not len(scope_of([]).nearest(np.array([1, 2]), query).docs)


def test_rows_over_several_blocks_are_compared_as_numpy_does() -> None:
    rng = np.random.default_rng(6)
    vectors = unit(rng, 2 * BLOCK + 100).astype(np.float16)
    texts, sentences = TextRows(DIMENSIONS), SentenceRows(DIMENSIONS)
    for begin in range(0, len(vectors), 1_000):
        texts.append(vectors[begin : begin + 1_000])
        sentences.append(vectors[begin : begin + 1_000])
    asked = unit(rng, 3)
    query = query_of(asked)
    true = asked.astype(np.float64) @ vectors.astype(np.float64).T
    signs = ((asked[:, None] > 0) != (vectors[None] > 0)).sum(axis=2)
    near, differing = (rows(query, len(vectors)) for rows in (texts.estimates, sentences.differing))
    np.testing.assert_allclose(near, true, atol=0.01)
    np.testing.assert_array_equal(differing, signs)
    some = rng.permutation(len(vectors))[:500]
    for rows in (texts, sentences):
        np.testing.assert_allclose(rows.exact(query, some), true[:, some], atol=6e-6)
    np.testing.assert_array_equal(texts.estimates_of(query, some), near[:, some])
    np.testing.assert_array_equal(sentences.differing_of(query, some), differing[:, some])
    assert texts.nbytes == len(vectors) * (DIMENSIONS * 3 + 4)
    assert sentences.nbytes == len(vectors) * (DIMENSIONS * 2 + DIMENSIONS // 8)


def test_a_vector_of_zeros_and_one_of_a_single_number_are_compared() -> None:
    rows = TextRows(3)
    rows.append(np.array([[0, 0, 0], [0, -1, 0]], np.float16))
    query = query_of(np.array([[0, 0.5, 0]], np.float32))
    assert rows.estimates(query, 2).tolist() == [[0.0, pytest.approx(-0.5)]]
    assert rows.exact(query, np.array([1, 0])).tolist() == [[-0.5, 0.0]]
