"""The memories that stand behind the rows of a view."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import View
from memos.operation.cube import MemCube, read_cube
from memos.operation.search.query import Query


class Memories:
    """Opens memories by their row: as they stand at the view's moment, or, where a query asks for
    a valid time, at the version that was true then.
    """

    def __init__(self, reader: Reader, view: View, query: Query) -> None:
        self._reader = reader
        self._view = view
        self._at_view = query.valid_at is None

    def of(self, row: int) -> MemCube | None:
        """The memory of a row; None where it was erased."""
        cube_id = self._view.cube_ids(np.array([row]))[0]
        at = self._view.at if self._at_view else int(self._view.opened[row])
        attempt = self._reader.vault.state_at(cube_id, at)
        cube = None if attempt is None else read_cube(self._reader, attempt)
        return cube if isinstance(cube, MemCube) else None

    def read_ahead(self, rows: Sequence[int]) -> None:
        """Fetch at once what `of` will open of these rows, where the store can."""
        if self._at_view:
            self._reader.read_ahead(self._view.cube_ids(np.array(rows)), self._view.at)
