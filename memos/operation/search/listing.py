"""Memories in an order: looked up, judged and opened only as far as somebody reads them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.port import Order, Piece, View, places
from memos.infrastructure.index.projection import internal_rows
from memos.kernel.cube import Lifecycle
from memos.kernel.moment import At
from memos.language.analyzer import Analyzer
from memos.operation.cube import MemCube
from memos.operation.search.memories import Memories
from memos.operation.search.order import in_order, is_picky, picked
from memos.operation.search.query import Query
from memos.operation.search.visibility import HeaderCheck, candidates
from memos.operation.vocabulary import MEDIA_TYPE as VOCABULARY

_COMMON = frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED})
"""The states of nearly all memories."""


class Listed(NamedTuple):
    """A memory of a list. `place` is the ordinal that it stands by."""

    place: int
    cube: MemCube


class Listing:
    """What a caller sees of scopes of one tenant, in an order.

    Attributes:
        query: who reads what, where and when.
        at: the moment that was read; 0 where nothing was.
        damaged: the memories that were come to and could not be read, and why.
    """

    def __init__(self, reader: Reader, analyzer: Analyzer, query: Query, order: Order) -> None:
        self.query = query
        self.at: At = 0
        self.damaged: dict[str, str] = {}
        self._reader = reader
        self._analyzer = analyzer
        self._order = order

    def behind(self, place: int | None, at_once: int) -> Iterator[Listed]:
        """The memories behind a place in the order, or all; so many are read ahead at a time."""
        newest = None if self.query.at is None else self._reader.view(self.query.scopes)
        for piece in self._pieces(place):
            self.at = piece.rows.at
            yield from self._of(piece, newest, place, at_once)

    def _pieces(self, place: int | None) -> Iterator[Piece]:
        """What may be shown, by the index: all of it where that picks few of many, or is asked for an
        earlier moment; else as much of it as is read.
        """
        reader, query = self._reader, self.query
        picks = is_picky(query.filter) or not query.states >= _COMMON
        if query.at is None and not picks:
            yield from reader.pieces(query.scopes, self._order, place)
            return
        view = reader.view(query.scopes, query.at)
        having = picked(view, self._analyzer, query.filter)
        found = view if having.all() else view.restrict(having)
        yield Piece(found, places(found, self._order))

    def _of(
        self, piece: Piece, newest: View | None, place: int | None, at_once: int
    ) -> Iterator[Listed]:
        rows, standing = piece
        shown, asked = candidates(rows, self.query, newest)
        shown &= ~internal_rows(rows)
        if place is not None:
            shown &= standing > place if self._order is Order.OLDEST else standing < place
        check = HeaderCheck(self._reader, self.query)
        memories = Memories(self._reader, rows, self.query)
        ordered = in_order(np.flatnonzero(shown), standing, self._order)
        for batch in batched(ordered.tolist(), at_once):
            judged = [row for row in batch if not asked[row] or check.shows(rows, row)]
            if judged:
                memories.read_ahead(judged)
            for row in judged:
                cube = memories.of(row)
                self.damaged |= memories.damaged
                if cube is None or cube.media_type == VOCABULARY:
                    continue
                if self.query.accepts(cube):
                    yield Listed(int(standing[row]), cube)
