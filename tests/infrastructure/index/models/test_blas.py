"""On how many threads vectors are made."""

from __future__ import annotations

import threading

import pytest
from threadpoolctl import threadpool_info

from memos.infrastructure.index.models.blas import one_thread


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
