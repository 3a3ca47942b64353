"""Cube ids as pairs of integers, which numpy sorts and compares far faster than bytes."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Mask

CubeIds = npt.NDArray[np.void]
"""Of dtype V16."""


def cube_ids(ids: Iterable[bytes]) -> CubeIds:
    """Ids of 16 bytes each as an array."""
    joined: CubeIds = np.frombuffer(b"".join(ids), "V16")
    return joined


def halves(ids: CubeIds) -> tuple[Ints, Ints]:
    """The first and the last eight bytes of each id, as integers in no particular order."""
    pairs = np.ascontiguousarray(ids).view(np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def among(ids: CubeIds, others: CubeIds) -> Mask:
    """Which of `ids` are one of `others`."""
    # The last half is the random one; whoever chose two alike is told apart by the whole id.
    among_them: Mask = np.isin(halves(ids)[1], halves(others)[1])
    rows = np.flatnonzero(among_them)
    among_them[rows] = np.isin(ids[rows], others)
    return among_them
