"""Spans of visibility as parallel arrays, sorted by (doc, opened). Values, never changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.grown import Grown
from memos.infrastructure.index.port import Ints, Mask
from memos.kernel.errors import Damaged
from memos.kernel.moment import MOST_PARTITIONS, OPEN, At
from memos.language.indexed_text import DATED

COLUMNS = (
    "doc, opened, cube_id, closed, version, state, flags, length, session, number, speaker, traits,"
    " valid_from, valid_until, replaces"
)
_CUBE_ID = np.dtype("V16")
_TYPES = tuple(
    map(
        np.dtype,
        ["i8", "i8", "V16", "i8", "i4", "u1", "u1", "i4", "i8", "i8", "i8", "u1", "i8", "i8", "i8"],
    )
)
_CHUNK = 65_536  # rows held as Python objects at once while loading


class Spans(NamedTuple):
    """Parallel arrays, one entry a span; `port.SpanChange` says what they mean."""

    doc: Ints
    opened: Ints
    cube_id: npt.NDArray[np.void]
    closed: Ints
    version: npt.NDArray[np.int32]
    state: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]
    length: npt.NDArray[np.int32]
    session: Ints
    number: Ints
    speaker: Ints
    traits: npt.NDArray[np.uint8]
    valid_from: Ints
    valid_until: Ints

    def take(self, rows: npt.NDArray[np.integer] | Mask) -> Spans:
        if rows.dtype == np.bool_:  # looked through once, and not once a column
            rows = np.flatnonzero(rows)
        return Spans._make(column[rows] for column in self)

    def active(self, at: At) -> Spans:
        """The spans visible at a moment: at most one a doc, so `doc` is strictly ascending."""
        last = latest(at, self.opened)
        visible = (self.opened <= last) & (last < self.closed)
        return self if visible.all() else self.take(visible)

    def holds_at(self, time: int) -> Mask:
        """Which spans hold in the world at a time, by their stated validity."""
        late = ((self.traits & DATED) != 0) & (self.valid_from > time)
        holds: Mask = ~late & (self.valid_until > time)
        return holds

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self)


def latest(at: At, ordinals: Ints) -> int | Ints:
    """Of a moment, the last ordinal that it reaches; of a cut, that of each ordinal's partition."""
    if isinstance(at, int):
        return at
    last = np.full(MOST_PARTITIONS, -1, np.int64)
    last[: len(at)] = at
    reached: Ints = last[ordinals & (MOST_PARTITIONS - 1)]
    return reached


def join_columns(*parts: tuple[npt.NDArray[Any], ...]) -> Iterator[npt.NDArray[Any]]:
    """The parts' columns, each put behind the one before."""
    return (np.concatenate(columns) for columns in zip(*parts, strict=True))


CLOSED = Spans._fields.index("closed")


class Changed(NamedTuple):
    """Spans read from the table, with the docs whose open spans they closed."""

    spans: Spans
    replaces: Ints


class Births(NamedTuple):
    """Of the cubes that have changed, by id, the ordinals of the changes that brought them."""

    cube_id: npt.NDArray[np.void]
    opened: Ints


def births_of(every: Spans) -> Births:
    """What `created` needs of all spans of some cubes."""
    ended = every.take(every.closed != OPEN)
    order = np.lexsort((ended.opened, ended.cube_id))
    cubes, opened = ended.cube_id[order], ended.opened[order]
    first = np.append(True, cubes[1:] != cubes[:-1])[: len(cubes)]
    return Births(cubes[first], opened[first])


def created(shown: Spans, births: Births) -> Ints:
    """For each row the ordinal of the change that brought its cube."""
    cubes = births.cube_id
    if not len(cubes):
        return shown.opened
    place = np.searchsorted(cubes, shown.cube_id)
    place[place == len(cubes)] = 0
    changed = cubes[place] == shown.cube_id
    first: Ints = np.where(changed, births.opened[place], shown.opened)
    return first


def read(rows: Iterable[tuple[Any, ...]]) -> Changed:
    """Rows of COLUMNS as arrays, sorted by (doc, opened).

    Raises:
        Damaged: a row holds what no column takes.
    """
    rows = iter(rows)
    parts = [_columns([])]
    while chunk := list(islice(rows, _CHUNK)):
        parts.append(_columns(chunk))
    *columns, replaces = join_columns(*parts)
    spans = Spans._make(columns)
    if min(column.min(initial=0) for column in (spans.opened, spans.version, spans.length)) < 0:
        raise Damaged("a row of the index is damaged (a number below zero): run `memos rebuild`")
    order = np.lexsort((spans.opened, spans.doc))
    return Changed(spans.take(order), replaces[order])


def _columns(rows: list[tuple[Any, ...]]) -> tuple[npt.NDArray[Any], ...]:
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(_TYPES)
    try:
        return tuple(
            np.frombuffer(b"".join(values), kind, len(rows) if rows else -1)
            if kind == _CUBE_ID
            else np.fromiter(values, kind, len(rows))
            for kind, values in zip(_TYPES, columns, strict=True)
        )
    except (OverflowError, TypeError, ValueError) as error:
        raise Damaged(f"a row of the index is damaged ({error}): run `memos rebuild`") from error


def extend(old: Grown, changed: Changed) -> Grown:
    """The columns of spans and of the later spans `changed`, with those closed that these closed."""
    spans = Spans._make(old.columns)
    follow = changed.replaces > 0
    if len(spans.doc) and follow.any():
        replaced, at = changed.replaces[follow], changed.spans.opened[follow]
        last = np.maximum(np.searchsorted(spans.doc, replaced, side="right") - 1, 0)
        held = spans.doc[last] == replaced
        closed = spans.closed.copy()
        # A doc may be replaced several times within `changed`: the first closes the old span.
        np.minimum.at(closed, last[held], at[held])
        old = old.with_column(CLOSED, closed)
    return old.with_rows(changed.spans)


def follow(shown: Grown, changed: Changed, applied: int) -> Grown:
    """The columns of the spans visible at the last change, after changes up to `applied`."""
    docs = shown.columns[0]
    replaced = np.unique(changed.replaces[changed.replaces > 0])
    rows = np.searchsorted(docs, replaced)
    held = rows < len(docs)
    held[held] = docs[rows[held]] == replaced[held]
    return shown.without(rows[held]).with_rows(changed.spans.active(applied))


def true_at(shown: Spans, every: Spans, at: At, time: int) -> Spans:
    """Of the rows that a view shows at `at`, what holds in the world at a time (see `port.View`).

    `every` holds all spans of the rows' cubes; `shown` itself is given back where all of it holds.
    """
    holds = shown.holds_at(time)
    if holds.all():
        return shown
    seen = (every.opened <= latest(at, every.opened)) & every.holds_at(time)
    old = every.take(seen & np.isin(every.cube_id, shown.cube_id[~holds]))
    old = old.take(np.lexsort((old.opened, old.cube_id)))
    last = np.append(old.cube_id[1:] != old.cube_id[:-1], True)[: len(old.doc)]
    old = old.take(last)
    # both are one row a cube, in the order of the cubes: what is ruled by today is today's
    gone = shown.take(~holds)
    gone = gone.take(np.isin(gone.cube_id, old.cube_id))
    gone = gone.take(np.argsort(gone.cube_id, kind="stable"))
    old = old._replace(state=gone.state, flags=gone.flags)
    rows = Spans._make(join_columns(shown.take(holds), old))
    return rows.take(np.argsort(rows.doc, kind="stable"))
