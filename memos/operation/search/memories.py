"""The memories that stand behind the rows of a view."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.index.port import Rows
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import Lifecycle
from memos.kernel.moment import NEWEST, At
from memos.operation.cube import (
    DamagedCube,
    Forgotten,
    MemCube,
    cube_in_clear,
    state_title,
    try_cube,
    usage_at,
)
from memos.operation.search.query import Query

_USED = frozenset({"uses", "last_used"})


class Memories:
    """Opens memories by their row: as they stand at the view's moment, or, where a query asks for
    a valid time, at the version that was true then.
    """

    def __init__(self, reader: Reader, view: Rows, query: Query) -> None:
        self._reader = reader
        self._view = view
        self._query = query
        self._at_view = query.valid_at is None
        self.damaged: dict[str, str] = {}
        """The memories that could not be read, and why."""
        # A view ends with the last change of the index: what came behind it is no change of a text,
        # but `get` tells of it.
        self._at: At = NEWEST if query.at is None else query.at

    def of(self, row: int) -> MemCube | None:
        """The memory of a row; None where it was erased, or is damaged."""
        cube_id = self._view.cube_ids(np.array([row]))[0]
        attempt = self._attempt(cube_id, row)
        cube = None if attempt is None else try_cube(self._reader, attempt, self._usage(cube_id))
        return self._shown(row, cube)

    def in_clear(self, row: int, fields: frozenset[str]) -> MemCube | None:
        """The same as far as its header tells of some fields; nothing of it is opened."""
        cube_id = self._view.cube_ids(np.array([row]))[0]
        attempt = self._attempt(cube_id, row)
        if attempt is None or attempt.state is None:
            return None
        usage = Usage() if fields.isdisjoint(_USED) else self._usage(cube_id)
        created = self._reader.created(cube_id) if "created" in fields else 0
        return self._shown(row, cube_in_clear(self._reader, attempt, usage, created))

    def _shown(self, row: int, cube: MemCube | Forgotten | DamagedCube | None) -> MemCube | None:
        if isinstance(cube, DamagedCube):
            self.damaged[cube.cube_id] = cube.reason
        if not isinstance(cube, MemCube):
            return None
        # An earlier version is told as it was made; its memory is in the state that was asked for.
        state = state_title(Lifecycle(int(self._view.state[row])))
        return cube if cube.state == state else replace(cube, state=state)

    def _usage(self, cube_id: bytes) -> Usage:
        """How a memory was used, where that is asked for: no hit tells it."""
        query = self._query
        return usage_at(self._reader, cube_id, query.moment) if query.counts_uses else Usage()

    def _attempt(self, cube_id: bytes, row: int) -> Attempt | None:
        """The last accepted attempt on the cube at the moment asked for; at that of the view, where
        the cube has moved on from what the view shows.
        """
        vault, view = self._reader.vault, self._view
        if not self._at_view:
            return vault.version(cube_id, int(view.version[row]))
        attempt = vault.state_at(cube_id, self._at)
        state = None if attempt is None else attempt.state
        shown = int(view.version[row]), int(view.state[row])
        if state is not None and (state.version, int(state.lifecycle)) != shown:
            return vault.state_at(cube_id, view.at)
        return attempt

    def read_ahead(self, rows: Sequence[int]) -> None:
        """Fetch at once what `of` will open of these rows, where the store can."""
        if self._at_view:
            self._reader.read_ahead(self._view.cube_ids(np.array(rows)), self._at)
