"""What a call on adapters did not take, and why: it is told, for nothing is left out in silence."""

from __future__ import annotations

from typing import NamedTuple


class LeftOut(NamedTuple):
    """A memory that was left out, and why, in words."""

    cube_id: str
    why: str
