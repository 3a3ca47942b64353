"""Parallel columns that grow: what comes behind them is written into room that is kept there, so that
nothing else is moved. Values all the same: what one shows is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints

Array = npt.NDArray[Any]

_ROOM = 8
"""There is room for one row more of so many, and some."""
_LEAST_ROOM = 64
_ALIGNED = 64  # bytes


@dataclass(eq=False)
class _Room:
    """A column with room behind it. Every value that stands here is the beginning of it; the first who
    puts something behind the longest has the room.
    """

    column: Array
    used: int
    lock: Lock = field(default_factory=Lock)

    def longer(self, count: int, rows: Array) -> Array | None:
        """The first `count` rows with some put behind them; None where there is no room, or something
        stands there already.
        """
        end = count + len(rows)
        with self.lock:
            if self.used != count or end > len(self.column):
                return None
            self.used = end
        self.column[count:end] = rows
        return self.column[:end]


class Grown(NamedTuple):
    """Parallel columns, sorted by the first, and the rooms that they are the beginnings of."""

    columns: tuple[Array, ...]
    rooms: tuple[_Room, ...]

    def with_rows(self, rows: Sequence[Array]) -> Grown:
        """These and further rows, sorted alike: each behind what equals it in the first column."""
        new, docs = rows[0], self.columns[0]
        if not len(new):
            return self
        pairs = list(zip(self.columns, rows, strict=True))
        if len(docs) and new[0] < docs[-1]:
            at = np.searchsorted(docs, new, side="right")
            return _laid_out([_merged(*pair, at) for pair in pairs])
        columns = []
        for room, each in zip(self.rooms, rows, strict=True):
            longer = room.longer(len(docs), each)
            if longer is None:
                return _laid_out(pairs)
            columns.append(longer)
        return Grown(tuple(columns), self.rooms)

    def without(self, rows: Ints) -> Grown:
        """These without some rows, whose numbers ascend."""
        if not len(rows):
            return self
        cuts = [-1, *rows.tolist(), len(self.columns[0])]
        kept = [slice(before + 1, cut) for before, cut in pairwise(cuts)]
        return _laid_out([[column[part] for part in kept] for column in self.columns])

    def with_column(self, number: int, column: Array) -> Grown:
        """These with another column in the place of one."""
        ((moved,), (room,)) = _laid_out([[column]])
        columns, rooms = list(self.columns), list(self.rooms)
        columns[number], rooms[number] = moved, room
        return Grown(tuple(columns), tuple(rooms))


def grown(columns: Iterable[Array]) -> Grown:
    """Columns that are to grow, moved to where there is room."""
    return _laid_out([[column] for column in columns])


def _merged(column: Array, rows: Array, at: Ints) -> list[Array]:
    """The parts of a column with each of some rows before the row of its number `at`, which ascend."""
    places, first = np.unique(at, return_index=True)
    parts, new = np.split(column, places), np.split(rows, first[1:])
    return [*chain.from_iterable(zip(parts, new, strict=False)), parts[-1]]


def _laid_out(columns: Sequence[Sequence[Array]]) -> Grown:
    """Columns, each given in parts, with room behind them; all in one stretch of memory, which the
    system gives in few large pages: to touch many small ones takes longer than to copy into them.
    """
    count = sum(map(len, columns[0]))
    most = count + count // _ROOM + _LEAST_ROOM
    stretches, end = [], 0
    for parts in columns:
        stretches.append(slice(end, end + most * parts[0].itemsize))
        end += -(-most * parts[0].itemsize // _ALIGNED) * _ALIGNED
    memory = np.empty(end, np.uint8)
    held, rooms = [], []
    for parts, stretch in zip(columns, stretches, strict=True):
        column = memory[stretch].view(parts[0].dtype)
        held.append(np.concatenate(parts, out=column[:count]))
        rooms.append(_Room(column, count))
    return Grown(tuple(held), tuple(rooms))
