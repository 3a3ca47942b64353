"""One thread for BLAS where a search waits for a product of matrices.

OpenBLAS splits even small products over all cores, and its threads wait for each other by spinning:
where the cores are in use, they take each other's time. One thread costs a little on an idle machine
and leaves the other cores to other searches. The limit holds for the whole process while any thread
is inside.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

from threadpoolctl import ThreadpoolController

_lock = Lock()
_inside = 0
_limited: Any = None


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS use one thread; the last to leave restores what was before the first came."""
    global _inside, _limited  # noqa: PLW0603 - BLAS has one setting for the process
    with _lock:
        if not _inside:
            _limited = _controller().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _lock:
            _inside -= 1
            if not _inside:
                _limited.restore_original_limits()


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()  # looks for the loaded libraries: a millisecond
