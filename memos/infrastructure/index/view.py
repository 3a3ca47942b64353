"""A view of the embedded index: rows of a snapshot, and the postings that fall on them."""

from __future__ import annotations

import apsw
import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Mask
from memos.infrastructure.index.snapshot import Snapshot
from memos.infrastructure.index.spans import Spans, join_columns
from memos.infrastructure.index.tables import BLOCK, POSTING, doc_range


class EmbeddedView:
    """See `port.View`. Bound to the connection that it was made with, and to its thread."""

    def __init__(
        self, connection: apsw.Connection, snapshot: Snapshot, rows: Spans, offset: int
    ) -> None:
        self._connection = connection
        self._snapshot = snapshot
        self._rows = rows
        self._offset = offset

    @property
    def offset(self) -> int:
        return self._offset

    @property
    def doc(self) -> Ints:
        return self._rows.doc

    @property
    def opened(self) -> Ints:
        return self._rows.opened

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

    def postings(self, term: int) -> tuple[Ints, npt.NDArray[np.uint16]]:
        docs, tf = self._snapshot.recent.find(term)
        parts = [(docs, tf)]
        for scope_id, blocks in self._snapshot.blocks:
            parts.extend(self._block_postings(scope_id, blocks, term))
        if len(parts) > 1:
            docs = np.concatenate([docs for docs, _ in parts])
            tf = np.concatenate([tf for _, tf in parts])
        return self._on_rows(docs, tf)

    def cube_ids(self, rows: npt.NDArray[np.integer]) -> list[bytes]:
        ids: list[bytes] = self._rows.cube_id[rows].tolist()
        return ids

    def restrict(self, keep: Mask) -> EmbeddedView:
        return EmbeddedView(self._connection, self._snapshot, self._rows.take(keep), self._offset)

    def true_at(self, time: int) -> EmbeddedView:
        here = self._rows
        holds = here.holds_at(time)
        if holds.all():
            return self
        spans = self._snapshot.spans
        known = (spans.opened <= self._offset) & spans.holds_at(time)
        old = spans.take(known & np.isin(spans.cube_id, here.cube_id[~holds]))
        old = old.take(np.lexsort((old.opened, old.cube_id)))
        last = np.append(old.cube_id[1:] != old.cube_id[:-1], True)[: len(old.doc)]
        old = old.take(last)
        # both are one row a cube, in the order of the cubes: what is ruled by today is today's
        gone = here.take(~holds)
        gone = gone.take(np.isin(gone.cube_id, old.cube_id))
        gone = gone.take(np.argsort(gone.cube_id, kind="stable"))
        old = old._replace(state=gone.state, flags=gone.flags)
        rows = Spans._make(join_columns(here.take(holds), old))
        rows = rows.take(np.argsort(rows.doc, kind="stable"))
        return EmbeddedView(self._connection, self._snapshot, rows, self._offset)

    def _block_postings(
        self, scope_id: int, blocks: int, term: int
    ) -> list[tuple[Ints, npt.NDArray[np.uint16]]]:
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

    def _on_rows(
        self, docs: Ints, tf: npt.NDArray[np.uint16]
    ) -> tuple[Ints, npt.NDArray[np.uint16]]:
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
