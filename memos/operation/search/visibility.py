"""Which rows a caller may see: by state, governance and lifespan, before anything is ranked."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Mask, Rows, View
from memos.infrastructure.index.projection import HAS_LIFESPAN, RESTRICTED
from memos.kernel.lifespan import decay
from memos.language.indexed_text import EXTRACTED
from memos.operation.cube import is_over, usage_at
from memos.operation.search.query import Query

_BYTES = 256
"""The values that a row's state can have, in a damaged index too."""


class HeaderCheck:
    """Decides whether a row is shown: under the rules of the headers only for the few rows whose
    header says anything, else for every row.

    Attributes:
        factors: by doc, what the score of a shown row is multiplied by where its lifespan decays.
    """

    def __init__(self, reader: Reader, query: Query) -> None:
        self._reader = reader
        self._query = query
        self.factors: dict[int, float] = {}

    def shows(self, view: Rows, row: int) -> bool:
        """Whether the caller may read the row and its lifespan has not ended; notes its decay."""
        cube_id = view.cube_ids(np.array([row]))[0]
        head = self._reader.vault.head(cube_id)
        if head is None or not self._query.permitted.check(head):
            return False
        if not view.flags[row] & HAS_LIFESPAN:
            return True
        attempt = self._reader.vault.state_at(cube_id, view.at)
        if attempt is None or attempt.state is None:
            return False
        state = attempt.state
        if state.header.lifespan is not None:
            used = usage_at(self._reader, cube_id, self._query.moment).last_used
            if is_over(state, used, self._query.read_time):
                return False
            factor = decay(state.header.lifespan, used, self._query.read_time)
            if factor < 1.0:
                self.factors[int(view.doc[row])] = factor
        return True


class Candidates(NamedTuple):
    """Which rows may be shown: those in `keep`, but each that is in `asked` only where a HeaderCheck
    says so.
    """

    keep: Mask
    asked: Mask


def restrict(view: View, query: Query, check: HeaderCheck, newest: View) -> View:
    """The rows that the caller may see; extracted facts only where they are asked for."""
    keep, asked = candidates(view, query, None if newest is view else newest)
    for row in np.flatnonzero(keep & asked).tolist():
        keep[row] = check.shows(view, row)
    return view if keep.all() else view.restrict(keep)


def candidates(view: Rows, query: Query, newest: View | None) -> Candidates:
    """The rows that the caller may see as far as the index tells, and those whose headers decide.

    `newest` is given where the rows are of an earlier moment.
    """
    shown = np.zeros(_BYTES, np.bool_)
    shown[[int(state) for state in query.states]] = True
    keep = shown[view.state]
    if not query.facts:
        keep &= (view.traits & EXTRACTED) == 0
    permitted = query.permitted
    asked = HAS_LIFESPAN if permitted.every else HAS_LIFESPAN | RESTRICTED
    special = (view.flags & asked) != 0
    if not (permitted.every or permitted.silent):
        special[:] = True  # what such a governor says of a cube is not in the index
    elif newest is not None and not permitted.every:
        special |= _restricted_now(view, newest)
    return Candidates(keep, special)


def _restricted_now(view: Rows, newest: View) -> Mask:
    """The rows of an earlier moment whose cubes have readers today."""
    restricted = set(newest.cube_ids(np.flatnonzero(newest.flags & RESTRICTED)))
    if not restricted:
        return np.zeros(len(view), np.bool_)
    return np.array([cube in restricted for cube in view.cube_ids(np.arange(len(view)))], np.bool_)
