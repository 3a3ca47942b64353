"""Two ascending streams beside each other: what is in both, and what only one of them has."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

T = TypeVar("T")


def side_by_side(
    one: Iterator[tuple[Any, T]], other: Iterator[tuple[Any, T]]
) -> Iterator[tuple[T | None, T | None]]:
    """Pair the values of two streams of (key, value) by their keys, which ascend in each of them.

    Yields:
        The values of one key; None for the stream that lacks it.
    """
    mine, theirs = next(one, None), next(other, None)
    while mine is not None or theirs is not None:
        if theirs is None or (mine is not None and mine[0] < theirs[0]):
            assert mine is not None  # noqa: S101 - one of them is there
            yield mine[1], None
            mine = next(one, None)
        elif mine is None or theirs[0] < mine[0]:
            yield None, theirs[1]
            theirs = next(other, None)
        else:
            yield mine[1], theirs[1]
            mine, theirs = next(one, None), next(other, None)
