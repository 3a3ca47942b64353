"""Spans of visibility as parallel arrays, sorted by (doc, opened). Values, never changed in place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import DATED, Ints, Mask

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
    """Parallel arrays, one entry a span; `port.SpanChange` and `tables` tell their meaning."""

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
        return Spans._make(column[rows] for column in self)

    def active(self, offset: int) -> Spans:
        """The spans visible at `offset`: at most one a doc, so `doc` is strictly ascending."""
        visible = (self.opened <= offset) & (offset < self.closed)
        return self if visible.all() else self.take(visible)

    def holds_at(self, time: int) -> Mask:
        """Whether each holds in the world at a time, as far as it was told."""
        late = ((self.traits & DATED) != 0) & (self.valid_from > time)
        holds: Mask = ~late & (self.valid_until > time)
        return holds

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for column in self)


def join_columns(*parts: tuple[npt.NDArray[Any], ...]) -> Iterator[npt.NDArray[Any]]:
    """The parts' columns, each put behind the one before."""
    return (np.concatenate(columns) for columns in zip(*parts, strict=True))


class Changed(NamedTuple):
    """Spans read from the table, with the docs whose open spans they closed."""

    spans: Spans
    replaces: Ints


def read(rows: Iterable[tuple[Any, ...]]) -> Changed:
    """Rows of COLUMNS as arrays, sorted by (doc, opened)."""
    rows = iter(rows)
    parts = [_columns([])]
    while chunk := list(islice(rows, _CHUNK)):
        parts.append(_columns(chunk))
    *columns, replaces = join_columns(*parts)
    spans = Spans._make(columns)
    order = np.lexsort((spans.opened, spans.doc))
    return Changed(spans.take(order), replaces[order])


def _columns(rows: list[tuple[Any, ...]]) -> tuple[npt.NDArray[Any], ...]:
    columns: list[tuple[Any, ...]] = list(zip(*rows, strict=True)) or [()] * len(_TYPES)
    return tuple(
        np.frombuffer(b"".join(values), kind)
        if kind == _CUBE_ID
        else np.fromiter(values, kind, len(rows))
        for kind, values in zip(_TYPES, columns, strict=True)
    )


def extend(old: Spans, changed: Changed) -> Spans:
    """`old` and the later spans `changed`, with the spans that these closed closed in `old`."""
    closed = old.closed
    follow = changed.replaces > 0
    if len(closed) and follow.any():
        replaced, at = changed.replaces[follow], changed.spans.opened[follow]
        last = np.maximum(np.searchsorted(old.doc, replaced, side="right") - 1, 0)
        known = old.doc[last] == replaced
        closed = closed.copy()
        # A doc may be replaced several times within `changed`: the first closes the old span.
        np.minimum.at(closed, last[known], at[known])
    joined = Spans._make(join_columns(old._replace(closed=closed), changed.spans))
    if not len(old.doc) or not len(changed.spans.doc) or changed.spans.doc[0] > old.doc[-1]:
        return joined
    # Stable: the later span of a doc stays behind its earlier ones.
    return joined.take(np.argsort(joined.doc, kind="stable"))
