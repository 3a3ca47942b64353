"""Labels: the short names by which a block cites memories; the ids stand beside its text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

LabelsOf = Callable[[Sequence[str]], dict[str, str]]
"""The labels of cubes that are cited, by id, given in the order of the block."""

_SHORT = 8
"""Of the random end of an id (RFC 9562): two of fifty memories share it once in three million blocks."""


def numbered(cube_ids: Sequence[str]) -> dict[str, str]:
    """1, 2, 3 … in the order of the block: short, and new in every block."""
    return {cube_id: str(number) for number, cube_id in enumerate(cube_ids, 1)}


def by_cube(cube_ids: Sequence[str]) -> dict[str, str]:
    """The end of each id, which stays the same in every block; the whole id of those that share it."""
    ends = {cube_id: cube_id[-_SHORT:] for cube_id in cube_ids}
    shared = Counter(ends.values())
    return {cube_id: end if shared[end] == 1 else cube_id for cube_id, end in ends.items()}
