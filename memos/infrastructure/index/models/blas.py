"""One thread for BLAS where a search waits for many small products of matrices.

OpenBLAS splits even small products over all cores, and its threads wait for each other by spinning:
where the cores are in use, they take each other's time. One thread costs a little on an idle machine
and leaves the other cores to other searches. The limit holds for the whole process while any thread
is inside. Only OpenBLAS with threads of its own is told, as numpy's wheels bring it: with OpenMP, how
many there are is a matter of each calling thread, and a limit could be left behind in one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

_lock = Lock()
_inside = 0
_before: list[int] = []


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread; the last to leave restores what was before the first came."""
    global _inside  # noqa: PLW0603 - BLAS has one setting for the process
    with _lock:
        if not _inside:
            _before[:] = [library.get_num_threads() for library in _libraries()]
            _set([1] * len(_before))
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _set(_before)


def _set(threads: Sequence[int]) -> None:
    for library, count in zip(_libraries(), threads, strict=True):
        # threadpoolctl heeds one thread of the process only, the first that asked, until it is told
        # that this one is done. Here several take turns, under a lock of their own.
        library.clear_controlling_thread(force=True)
        library.set_num_threads(count)
        library.clear_controlling_thread(force=True)


@cache
def _libraries() -> Sequence[Any]:
    from threadpoolctl import ThreadpoolController

    # It looks for the loaded libraries, which takes a millisecond.
    openblas = ThreadpoolController().select(internal_api="openblas")
    libraries: Sequence[Any] = openblas.select(threading_layer="pthreads").lib_controllers
    return libraries
