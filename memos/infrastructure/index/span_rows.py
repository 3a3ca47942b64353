"""The rows that a view shows, whatever holds the postings that fall on them."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints
from memos.infrastructure.index.spans import Spans

Counts = npt.NDArray[np.uint16]


class SpanRows:
    """The part of `port.View` that needs the visible spans alone."""

    def __init__(self, rows: Spans) -> None:
        self._rows = rows

    @property
    def doc(self) -> Ints:
        return self._rows.doc

    @property
    def opened(self) -> Ints:
        return self._rows.opened

    @property
    def closed(self) -> Ints:
        return self._rows.closed

    @property
    def version(self) -> npt.NDArray[np.int32]:
        return self._rows.version

    @property
    def state(self) -> npt.NDArray[np.uint8]:
        return self._rows.state

    @property
    def flags(self) -> npt.NDArray[np.uint8]:
        return self._rows.flags

    @property
    def length(self) -> npt.NDArray[np.int32]:
        return self._rows.length

    @property
    def session(self) -> Ints:
        return self._rows.session

    @property
    def number(self) -> Ints:
        return self._rows.number

    @property
    def speaker(self) -> Ints:
        return self._rows.speaker

    @property
    def traits(self) -> npt.NDArray[np.uint8]:
        return self._rows.traits

    @property
    def valid_from(self) -> Ints:
        return self._rows.valid_from

    @property
    def valid_until(self) -> Ints:
        return self._rows.valid_until

    def __len__(self) -> int:
        return len(self._rows.doc)

    def cube_ids(self, rows: npt.NDArray[np.integer]) -> list[bytes]:
        ids: list[bytes] = self._rows.cube_id[rows].tolist()
        return ids


class TermRows(SpanRows, ABC):
    """The part of `port.View` that finds rows by their terms: each term is looked up once, however many
    stages of a search ask for it.
    """

    def __init__(self, rows: Spans) -> None:
        super().__init__(rows)
        self._found: dict[int, tuple[Ints, Counts]] = {}

    def postings(self, term: int) -> tuple[Ints, Counts]:
        found = self._found.get(term)
        if found is None:
            found = self._found[term] = self._on_rows(*self._held(term))
        return found

    @abstractmethod
    def _held(self, term: int) -> tuple[Ints, Counts]:
        """Docs that hold `term`, in no particular order, and its frequencies; some are not shown."""

    def _on_rows(self, docs: Ints, tf: Counts) -> tuple[Ints, Counts]:
        """Of postings, those of docs that this view shows, by row."""
        if not len(self):
            return np.empty(0, np.int64), np.empty(0, np.uint16)
        rows = np.searchsorted(self.doc, docs)
        rows[rows == len(self)] = 0
        shown = self.doc[rows] == docs
        rows, tf = rows[shown], tf[shown]
        if (rows[1:] > rows[:-1]).all():
            return rows, tf
        order = np.argsort(rows, kind="stable")
        return rows[order], tf[order]
