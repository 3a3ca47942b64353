"""What a reader holds of one tenant: a value, grown by the changes of whichever partition is read.

Each partition is held up to a mark of its own. What a snapshot shows depends on the marks alone and
not on the order in which partitions were read: the changes of one cube are in one partition, and
docs are numbered by the ordinals of the changes that brought their texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.cassandra.changes import NO_TEXT, Changes, join
from memos.infrastructure.index.cassandra.cubes import among, halves
from memos.infrastructure.index.cassandra.scopes import Scopes
from memos.infrastructure.index.grown import Grown, grown
from memos.infrastructure.index.port import Ints, Mask, Within, paths_of
from memos.infrastructure.index.recent import Recent
from memos.infrastructure.index.spans import CLOSED, Births, Spans, births_of, join_columns
from memos.kernel.moment import OPEN, At, Cutoffs

_TEXT_COLUMNS = (
    "doc",
    "length",
    "session",
    "number",
    "speaker",
    "traits",
    "valid_from",
    "valid_until",
)
"""Columns that a change without a text takes over from the span before it."""


class IndexMark(NamedTuple):
    """Up to where a partition is: the next offset to take, the ordinal of the last one taken."""

    offset: int
    ordinal: int


IndexMarks = Mapping[int, IndexMark]
"""A mark for each partition of which anything was taken."""


class Placed(NamedTuple):
    """Spans, sorted by (doc, opened), and the numbers of their scopes, as columns that grow."""

    rows: Grown

    @property
    def spans(self) -> Spans:
        return Spans._make(self.rows.columns[:-1])

    @property
    def scope(self) -> npt.NDArray[np.int32]:
        scope: npt.NDArray[np.int32] = self.rows.columns[-1]
        return scope

    def take(self, rows: npt.NDArray[np.integer] | Mask) -> Placed:
        return placed(self.spans.take(rows), self.scope[rows])

    def then(self, later: Placed) -> Placed:
        return Placed(self.rows.with_rows(later.rows.columns))

    def without(self, rows: Ints) -> Placed:
        return Placed(self.rows.without(rows))


def placed(spans: Spans, scope: npt.NDArray[np.int32]) -> Placed:
    """Spans and the numbers of their scopes."""
    return Placed(grown((*spans, scope)))


def _nothing() -> Placed:
    nothing = join([])
    return placed(nothing.spans, nothing.scope)


@dataclass(frozen=True)
class TenantSnapshot:
    """Every span of a tenant up to `marks`, and the postings of its texts."""

    tenant: str
    scopes: Scopes = field(default_factory=Scopes)
    marks: IndexMarks = field(default_factory=dict)
    every: Placed = field(default_factory=_nothing)
    newest: Placed = field(default_factory=_nothing)  # those that no change has closed
    recent: Recent = field(default_factory=Recent)

    @cached_property
    def nbytes(self) -> int:
        """About what it takes of memory; never 0, so that empty tenants count as well."""
        newest = () if self.newest is self.every else self.newest.rows.columns
        spans: int = sum(map(attrgetter("nbytes"), (*self.every.rows.columns, *newest)))
        return spans + self.recent.nbytes + 200 * len(self.scopes) + 2_000

    def reached(self, at: At | None) -> Cutoffs:
        """The moment that a view at `at` shows: no partition further than it is held here."""
        last = [-1] * (max(self.marks, default=-1) + 1)
        for partition, mark in self.marks.items():
            last[partition] = mark.ordinal
        if isinstance(at, int):
            return Cutoffs(min(at, ordinal) for ordinal in last)
        if at is None:
            return Cutoffs(last)
        asked = (*at, *[-1] * (len(last) - len(at)))
        return Cutoffs(map(min, asked, last))

    @cached_property
    def births(self) -> Births:
        """When the cubes that have changed since came to be."""
        return births_of(self.every.spans)

    def visible(self, within: Within, at: At | None) -> Spans:
        """The spans visible in some scopes and under them, at a moment or (None) now."""
        shown = self.newest if at is None else self.every
        paths = paths_of(within)
        if self.tenant not in paths:
            under = np.logical_or.reduce([self.scopes.under(path) for path in paths])
            shown = shown.take(under[shown.scope])
        return shown.spans if at is None else shown.spans.active(self.reached(at))

    def without(self, changes: Changes) -> TenantSnapshot:
        """The snapshot without the cubes that `changes` erase."""
        gone = among(self.every.spans.cube_id, changes.erased)
        if not gone.any():
            return self
        recent = self.recent.without_docs(self.every.spans.doc[gone])
        every = self.every.take(~gone)
        is_open = every.spans.closed == OPEN
        newest = every if is_open.all() else every.take(is_open)
        return replace(self, every=every, newest=newest, recent=recent)


def extend(old: TenantSnapshot, new: Changes, marks: IndexMarks) -> TenantSnapshot:
    """`old` with the changes that followed in some partitions, which are then held up to `marks`.

    Changes of a cube whose first text is not there are left out: it was erased, and its rows are
    being deleted.
    """
    erased = new.erased
    if len(erased):
        old, new = old.without(new), new.without(erased)
    marks = {**old.marks, **marks}
    if not len(new.spans.doc):
        return replace(old, marks=marks)
    every, newest = _follow(old.every, old.newest, new)
    recent = old.recent.extend(new.postings)
    return replace(old, marks=marks, every=every, newest=newest, recent=recent)


def _follow(every: Placed, newest: Placed, new: Changes) -> tuple[Placed, Placed]:
    """All spans and the open ones, with those that new changes open, and those that they close closed."""
    shown = newest.spans
    before = np.flatnonzero(among(shown.cube_id, new.spans.cube_id))
    both = Spans._make(join_columns(shown.take(before), new.spans))
    scope = np.concatenate((newest.scope[before], new.scope))
    order = np.lexsort((both.opened, *halves(both.cube_id)))
    spans, has_text = _chain(both.take(order))
    is_old = order < len(before)
    opened = placed(spans, scope[order]).take(has_text & ~is_old)
    opened = opened.take(np.lexsort((opened.spans.opened, opened.spans.doc)))
    still_open = opened.spans.closed == OPEN
    if newest is every and not len(before) and still_open.all():
        every = every.then(opened)
        return every, every
    if len(before):
        last = np.searchsorted(every.spans.doc, shown.doc[before], side="right") - 1
        closed = every.spans.closed.copy()
        closed[last[order[is_old]]] = spans.closed[is_old]
        every = Placed(every.rows.with_column(CLOSED, closed))
    return every.then(opened), newest.without(before).then(opened.take(still_open))


def _chain(spans: Spans) -> tuple[Spans, Mask]:
    """Spans sorted by (cube, opened), each closed by the next of its cube and with its text's facts.

    Returns:
        The spans, and which of them have a text.
    """
    rows = np.arange(len(spans.doc))
    first, last = halves(spans.cube_id)
    follows = np.zeros(len(rows), np.bool_)
    follows[1:] = (first[1:] == first[:-1]) & (last[1:] == last[:-1])
    beginning: Ints = np.maximum.accumulate(np.where(follows, 0, rows))
    text: Ints = np.maximum.accumulate(np.where(spans.doc != NO_TEXT, rows, -1))
    facts = {name: getattr(spans, name)[text] for name in _TEXT_COLUMNS}
    closed = np.full(len(rows), OPEN, np.int64)
    closed[:-1][follows[1:]] = spans.opened[1:][follows[1:]]
    return spans._replace(closed=closed, **facts), text >= beginning
