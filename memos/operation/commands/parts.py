"""An operation over many cubes is several events: a log takes no event above a size (1 MiB in Kafka)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

PART_BYTES = 2**18
"""What an operation's event says of its cubes is no larger, so all of it stays well below the limit."""

T = TypeVar("T")


def in_parts(items: Iterable[T], size: Callable[[T], int]) -> list[list[T]]:
    """Items in their order, in as few lists as hold at most `PART_BYTES` each; a larger item has a list
    of its own.

    Args:
        items: what is said of each cube.
        size: the bytes that one takes.
    """
    parts: list[list[T]] = []
    left = 0
    for item in items:
        taken = size(item)
        if not parts or taken > left:
            parts.append([])
            left = PART_BYTES
        parts[-1].append(item)
        left -= taken
    return parts
