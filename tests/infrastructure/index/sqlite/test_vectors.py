"""Vectors in memory: which are compared, and on how many threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from memos.infrastructure.index.models.blas import one_thread
from memos.infrastructure.index.port import Ints
from memos.infrastructure.index.sqlite.vectors import FEW, ScopeVectors, near_of, only

DIMENSIONS = 16


def scope_of(texts: int) -> ScopeVectors:
    rng = np.random.default_rng(3)
    counts = rng.integers(1, 5, texts)
    first: Ints = np.concatenate(([0], np.cumsum(counts)))
    return ScopeVectors(
        np.arange(texts, dtype=np.int64) * 3,
        rng.standard_normal((texts, DIMENSIONS), dtype=np.float32),
        rng.standard_normal((int(first[-1]), DIMENSIONS), dtype=np.float32),
        first,
    )


@pytest.mark.parametrize("wanted", [[0], [99], [0, 1, 2], [5, 40, 41, 98]])
def test_a_few_texts_taken_out_are_as_near_as_among_all(wanted: list[int]) -> None:
    vectors = scope_of(100)
    query = np.random.default_rng(4).standard_normal(DIMENSIONS, dtype=np.float32)
    few = only(vectors, vectors.docs[wanted])
    assert few.docs.tolist() == vectors.docs[wanted].tolist()
    for one, all_ in zip(near_of(few, query), near_of(vectors, query), strict=True):
        assert one.tolist() == pytest.approx(all_[wanted].tolist(), abs=1e-5)


def test_texts_without_vectors_are_passed_over() -> None:
    vectors = scope_of(100)
    assert only(vectors, np.array([1, 3, 4, 500], np.int64)).docs.tolist() == [3]
    assert not len(only(vectors, np.array([1, 500], np.int64)).docs)
    assert not len(only(vectors, np.empty(0, np.int64)).docs)
    assert not len(only(scope_of(0), np.empty(0, np.int64)).docs)


def test_where_many_are_wanted_nothing_is_copied() -> None:
    vectors = scope_of(100)
    many = vectors.docs[: int(100 * FEW) + 1]
    assert only(vectors, many) is vectors


def blas_threads() -> set[int]:
    """Of each OpenBLAS that has threads of its own; there may be none."""
    return {
        each["num_threads"]
        for each in threadpool_info()
        if each["internal_api"] == "openblas" and each["threading_layer"] == "pthreads"
    }


def test_blas_has_one_thread_inside_and_what_it_had_after_the_last_has_left() -> None:
    before = blas_threads()
    entered, leave = threading.Event(), threading.Event()

    def stay() -> None:
        with one_thread():
            entered.set()
            assert leave.wait(240)

    other = threading.Thread(target=stay)
    with one_thread():
        other.start()
        assert entered.wait(240)
        assert blas_threads() <= {1}
    assert blas_threads() <= {1}
    leave.set()
    other.join()
    assert blas_threads() == before


def test_every_thread_is_heeded_while_another_that_was_inside_lives_on() -> None:
    seen: list[set[int]] = []
    been, leave = threading.Event(), threading.Event()

    def live_on() -> None:
        with one_thread():
            pass
        been.set()
        assert leave.wait(240)

    other = threading.Thread(target=live_on)
    other.start()
    assert been.wait(240)
    with one_thread():
        seen.append(blas_threads())
    leave.set()
    other.join()
    assert seen[0] <= {1}


def test_an_error_inside_gives_the_threads_back() -> None:
    before = blas_threads()
    with pytest.raises(KeyError), one_thread():
        raise KeyError
    assert blas_threads() == before
