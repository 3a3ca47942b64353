"""A view of the embedded index: rows of a snapshot, and the postings that fall on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import apsw
import numpy as np

from memos.infrastructure.index.port import Ints, Mask
from memos.infrastructure.index.span_rows import Counts, TermRows
from memos.infrastructure.index.spans import Spans, created, true_at
from memos.infrastructure.index.sqlite import lookup
from memos.infrastructure.index.sqlite.blocks import POSTING
from memos.infrastructure.index.sqlite.snapshot import ScopeSnapshot
from memos.infrastructure.index.sqlite.tables import BLOCK, doc_range


class SqliteView(TermRows):
    """See `port.View`. Bound to the connection that it was made with, and to its thread."""

    def __init__(
        self, connection: apsw.Connection, snapshot: ScopeSnapshot, rows: Spans, offset: int
    ) -> None:
        super().__init__(rows)
        self._connection = connection
        self._snapshot = snapshot
        self._offset = offset

    @property
    def at(self) -> int:
        return self._offset

    @property
    def created(self) -> Ints:
        return created(self._rows, self._snapshot.births)

    def _held(self, term: int) -> tuple[Ints, Counts]:
        docs, tf = self._snapshot.recent.find(term)
        parts = [(docs, tf)]
        for scope_id, blocks in self._snapshot.blocks:
            parts.extend(self._block_postings(scope_id, blocks, term))
        if len(parts) > 1:
            docs = np.concatenate([docs for docs, _ in parts])
            tf = np.concatenate([tf for _, tf in parts])
        return docs, tf

    def possible(self, terms: Sequence[int]) -> list[int]:
        held = self._snapshot.recent.held(terms)
        listed = ", ".join(map(str, map(int, terms)))  # more than SQLite takes as parameters
        for scope_id, blocks in self._snapshot.blocks:
            held.update(
                term
                for block in range(blocks)
                for (term,) in self._connection.execute(
                    "SELECT term FROM index_posting WHERE scope_id = ? AND block = ?"
                    f" AND term IN ({listed})",
                    (scope_id, block),
                )
            )
        return [term for term in terms if term in held]

    def restrict(self, keep: Mask) -> SqliteView:
        return self._of(self._rows.take(keep))

    def true_at(self, time: int) -> SqliteView:
        rows = true_at(self._rows, self._snapshot.spans, self._offset, time)
        return self if rows is self._rows else self._of(rows)

    def rows_of(self, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
        return lookup.rows_of(self._connection, self, cube_ids)

    def scopes(self) -> dict[str, Ints]:
        return lookup.scopes_of(self._connection, self)

    def matched_terms(self) -> dict[int, Ints]:
        return lookup.matched_terms(self._connection, self)

    def _of(self, rows: Spans) -> SqliteView:
        return SqliteView(self._connection, self._snapshot, rows, self._offset)

    def _block_postings(self, scope_id: int, blocks: int, term: int) -> list[tuple[Ints, Counts]]:
        select = "SELECT docs FROM index_posting WHERE scope_id = ? AND block = ? AND term = ?"
        rows = [
            (block, packed)
            for block in range(blocks)
            for (packed,) in self._connection.execute(select, (scope_id, block, term))
        ]
        if not rows:
            return []
        base, _ = doc_range(scope_id, 1)
        postings = np.frombuffer(b"".join(packed for _, packed in rows), POSTING)
        counts = [len(packed) // POSTING.itemsize for _, packed in rows]
        firsts = base + BLOCK * np.array([block for block, _ in rows], np.int64)
        return [(np.repeat(firsts, counts) + postings["n"], postings["tf"])]
