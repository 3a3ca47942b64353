"""What scopes show now, in an order and piece by piece: as few rows are read as somebody asks for."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from heapq import heappop, heappush
from itertools import islice

import apsw
import numpy as np

from memos.infrastructure.batches import batched
from memos.infrastructure.index.port import Order, Piece
from memos.infrastructure.index.span_rows import SpanRows
from memos.infrastructure.index.spans import COLUMNS, Spans, read
from memos.infrastructure.index.sqlite.snapshot import changes_of, index_state
from memos.kernel.moment import NEWEST, OPEN

PIECE = 128
"""Rows of a piece, and at most of one scope that are looked up at once."""

Placed = tuple[int, bytes]
"""The ordinal that a cube stands by, and its id."""

_NOW = (
    f"SELECT {COLUMNS} FROM index_span WHERE cube_id = ? AND closed = {OPEN}"
    " AND doc IN (SELECT doc FROM index_cube WHERE cube_id = ?)"
)


class PieceRows(SpanRows):
    """See `port.Rows`."""

    def __init__(self, rows: Spans, at: int) -> None:
        super().__init__(rows)
        self._at = at

    @property
    def at(self) -> int:
        return self._at


def pieces(
    connection: apsw.Connection, scopes: tuple[str, ...], order: Order, behind: int | None
) -> Iterator[Piece]:
    """What is visible in and under scopes; every row of a piece stands before all of the next.

    Args:
        connection: in one transaction.
        scopes: none of them lies under another.
        order: of the rows.
        behind: only what stands behind this ordinal; None for all.
    """
    at = index_state(connection).applied
    for batch in batched(_placed(connection, scopes, order, behind), PIECE):
        places = {cube_id: place for place, cube_id in batch}
        spans = read(row for cube in places for row in connection.execute(_NOW, (cube, cube))).spans
        rows = PieceRows(spans, at)
        standing = [places[cube_id] for cube_id in rows.cube_ids(np.arange(len(rows)))]
        yield Piece(rows, np.array(standing, np.int64))


def _placed(
    connection: apsw.Connection, scopes: tuple[str, ...], order: Order, behind: int | None
) -> Iterator[Placed]:
    """The cubes of all scopes in order. A scope is looked into no sooner than its turn may come: none
    of its cubes stands by a later ordinal than that of its last change.
    """
    changed = changes_of(connection, scopes)
    bounds = deque(sorted(((last, leaf) for leaf, last in changed.items()), reverse=True))
    sign = 1 if order is Order.OLDEST else -1
    heads: list[tuple[int, bytes, Iterator[Placed]]] = []

    def take(leaf: Iterator[Placed]) -> None:
        for place, cube_id in islice(leaf, 1):
            heappush(heads, (sign * place, cube_id, leaf))

    while heads or bounds:
        while bounds and (not heads or sign > 0 or bounds[0][0] >= -heads[0][0]):
            take(_of_leaf(connection, bounds.popleft()[1], order, behind))
        if heads:
            place, cube_id, leaf = heappop(heads)
            yield sign * place, cube_id
            take(leaf)


def _of_leaf(
    connection: apsw.Connection, scope_id: int, order: Order, behind: int | None
) -> Iterator[Placed]:
    """The cubes of one scope in order, by its index of changes: a few at first, as few may be wanted."""
    # A cube's first span takes the place of none; its last change left the span that is open.
    standing = f"closed = {OPEN}" if order is Order.CHANGED else "replaces = 0"
    later, way = (">", "ASC") if order is Order.OLDEST else ("<", "DESC")
    select = (
        f"SELECT opened, cube_id FROM index_span WHERE doc >> 32 = ? AND opened {later} ?"
        f" AND {standing} ORDER BY opened {way} LIMIT ?"
    )
    last = (-1 if order is Order.OLDEST else NEWEST) if behind is None else behind
    size = 2
    while page := list(connection.execute(select, (scope_id, last, size))):
        yield from page
        last, size = page[-1][0], min(2 * size, PIECE)
