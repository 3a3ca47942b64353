"""How a long operation reports how far it is."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Called with (done, of how many) now and then; of 0 where that is not known, or not told."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""
