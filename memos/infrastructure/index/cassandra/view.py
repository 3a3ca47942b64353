"""A view of a tenant's snapshot. It holds all that it shows, so any thread may use it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from memos.infrastructure.index.cassandra.cubes import among, cube_ids
from memos.infrastructure.index.cassandra.snapshot import TenantSnapshot
from memos.infrastructure.index.port import Ints, Mask
from memos.infrastructure.index.postings import rows_by_term
from memos.infrastructure.index.span_rows import Counts, TermRows
from memos.infrastructure.index.spans import Spans, created, true_at
from memos.kernel.moment import Cutoffs


class CassandraView(TermRows):
    """See `port.View`."""

    def __init__(self, snapshot: TenantSnapshot, rows: Spans, at: Cutoffs) -> None:
        super().__init__(rows)
        self._snapshot = snapshot
        self._at = at

    @property
    def at(self) -> Cutoffs:
        return self._at

    @property
    def created(self) -> Ints:
        return created(self._rows, self._snapshot.births)

    def _held(self, term: int) -> tuple[Ints, Counts]:
        return self._snapshot.recent.find(term)

    def possible(self, terms: Sequence[int]) -> list[int]:
        held = self._snapshot.recent.held(terms)
        return [term for term in terms if term in held]

    def restrict(self, keep: Mask) -> CassandraView:
        return CassandraView(self._snapshot, self._rows.take(keep), self._at)

    def true_at(self, time: int) -> CassandraView:
        rows = true_at(self._rows, self._snapshot.every.spans, self._at, time)
        return self if rows is self._rows else CassandraView(self._snapshot, rows, self._at)

    def rows_of(self, cubes: Iterable[bytes]) -> dict[bytes, int]:
        wanted = cube_ids(cubes)
        rows = np.flatnonzero(among(self._rows.cube_id, wanted))
        return dict(zip(self.cube_ids(rows), rows.tolist(), strict=True))

    def scopes(self) -> dict[str, Ints]:
        every = self._snapshot.every
        numbers = every.scope[np.searchsorted(every.spans.doc, self._rows.doc)]
        order = np.argsort(numbers, kind="stable")
        starts = np.flatnonzero(np.diff(numbers[order], prepend=-1))
        paths = {
            self._snapshot.scopes.path(int(numbers[rows[0]])): rows
            for rows in np.split(order, starts[1:])
            if len(rows)
        }
        return dict(sorted(paths.items()))

    def matched_terms(self) -> dict[int, Ints]:
        matched = self._snapshot.recent.only_matched()
        return rows_by_term(self, matched.term, matched.doc)
