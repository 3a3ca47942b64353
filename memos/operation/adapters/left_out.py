"""What a call on adapters did not take, and why: it is told, for nothing is left out in silence."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from memos.operation.cube import MemCube
from memos.operation.reads.context_block import text_of
from memos.operation.search.hits import Hit

UNASKABLE = "is nothing that can be asked about"
A_COPY = "was written back from an adapter, of a memory that is here"


class LeftOut(NamedTuple):
    """A memory that was left out, and why, in words."""

    cube_id: str
    why: str


def why_not_learnt(cube: MemCube, hit: Hit | None, now: datetime) -> str:
    """Why a memory that is shown cannot be learnt as it is; empty where it can."""
    if hit is not None:
        return "" if text_of(hit).strip() else "says nothing in words"
    if cube.valid_from is not None and cube.valid_from > now:
        return "is not true yet"
    if cube.valid_until is not None and cube.valid_until <= now:
        return "is no longer true"
    return "is superseded"
