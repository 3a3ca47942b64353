"""Which of a set of cubes the principal of a call may act on, as the gate decides it."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from memos.kernel.cube import CubeState


class Permitted(NamedTuple):
    """Which of a set of cubes the principal may act on.

    Attributes:
        tenant: the filter: nothing outside this tenant needs to be looked at; empty for no filter.
        silent: of what is inside, each cube passes whose header names no readers.
        every: of what is inside, each cube passes.
        check: the row check: asked about each other cube that would be shown or counted.
    """

    tenant: str
    silent: bool
    every: bool
    check: Callable[[CubeState], bool]

    @property
    def whole_vault(self) -> bool:
        """Whether every cube of every tenant passes."""
        return self.every and not self.tenant
