"""The dense side of a distributed vault, as a reader has it: the nearest of what Milvus holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from memos.infrastructure.engine.dense import Counts
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.distributed.workers.vectors import PROJECTION, rotations_of
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.index.cassandra.rows import PROJECTION as LEXICAL
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.milvus.search import MOST_CANDIDATES, VectorSearch
from memos.infrastructure.index.models.embedders.calls import EmbedderCalls
from memos.infrastructure.index.models.embedders.port import Embedder, Vectors
from memos.infrastructure.index.port import Nearest, View, Within
from memos.infrastructure.index.spans import latest
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import IndexUnavailable

CANDIDATES = 200
"""Rows asked of Milvus for each wording of a query; a text may have several, its sentences."""

WIDER = 4
"""How many times as many are asked for, where a view hides some of the nearest."""

FEW_TEXTS = 256
"""Where a view shows no more texts than these, all are compared: that takes one request."""


class DistributedDense:
    """See `engine.dense.DenseIndex`. Embedding is the index worker's; this only embeds queries."""

    def __init__(
        self,
        stores: Stores,
        milvus: Milvus,
        embedder: Embedder,
        live: LiveGeneration,
        waiter: Waiter,
    ) -> None:
        collections = Generations(milvus, embedder.digest, embedder.dimensions)
        if collections.live() is None:
            collections.create()
        self._milvus = milvus
        self._alias = collections.alias
        self._search = VectorSearch(milvus, self._alias, rotations_of(stores, embedder))
        self._embedder = embedder
        self._live = live
        self._waiter = waiter
        self._calls = EmbedderCalls(embedder)
        self._unserved = ""

    @property
    def name(self) -> str:
        return self._embedder.name

    @property
    def failure(self) -> str:
        return self._calls.failure or self._unserved

    def start(self) -> None:
        """Nothing runs here."""

    def close(self) -> None:
        self._milvus.close()

    def waiting(self, reader: Reader, counts: Counts | None = None) -> int:
        ends = self._folded()
        if counts is None:
            return self._waiting(ends)
        vault, done = self._live.vault(), self._done()
        return sum(
            counts(outline.cube_id)
            for partition, end in ends.items()
            for outline in vault.outlines(partition, done.get(partition, 0), end)
            if outline.cube_id
        )

    def set_aside(self, reader: Reader, counts: Counts | None = None) -> int:
        rows = self._live().set_aside.of(PROJECTION)
        return sum(counts is None or counts(row.cube_id) for row in rows)

    def embed_pending(self) -> int:
        """Wait for the worker that embeds; how many records waited."""
        ends = self._folded()
        waiting = self._waiting(ends)
        self._waiter.until_passed(PROJECTION, ends, kept_by=LEXICAL)
        return waiting

    def _folded(self) -> dict[int, int]:
        """Of each partition, up to which offset it is folded."""
        folded = self._live.vault().checkpoints(FOLD)
        return {partition: at[0] for partition, at in folded.items()}

    def _waiting(self, ends: Mapping[int, int]) -> int:
        """How many records before these offsets wait to be embedded."""
        done = self._done()
        return sum(max(end - done.get(partition, 0), 0) for partition, end in ends.items())

    def _done(self) -> dict[int, int]:
        """Of each partition, up to which offset it is embedded."""
        done = self._live.vault().checkpoints(PROJECTION)
        return {partition: at[0] for partition, at in done.items()}

    def nearest(self, reader: Reader, view: View, within: Within, queries: Vectors) -> Nearest:
        try:
            near = self._milvus.served(self._alias, lambda: self._nearest(view, within, queries))
        except IndexUnavailable as error:
            self._unserved = str(error)
            raise
        self._unserved = ""
        return near

    def _nearest(self, view: View, within: Within, queries: Vectors) -> Nearest:
        # At a valid time a view may show texts that others have replaced since.
        earlier = bool((view.closed <= latest(view.at, view.opened)).any())
        complete = len(view) <= FEW_TEXTS
        rows = (
            np.arange(len(view)) if complete else self._candidates(view, within, queries, earlier)
        )
        chosen = view.cube_ids(rows)
        near = self._search.nearness(within, view.at, queries, chosen, earlier=earlier)
        shown = np.isin(near.opened, view.doc)
        return Nearest(near.opened[shown], near.texts[:, shown], near.sentences[:, shown], complete)

    def _candidates(
        self, view: View, within: Within, queries: Vectors, earlier: bool
    ) -> npt.NDArray[np.int64]:
        """The rows of a view that are nearest to any of the queries.

        What the view does not show takes nobody's place: more are asked for where it is among them.
        """
        asked = CANDIDATES
        while True:
            nearest = self._search.candidates(
                within, view.at, queries, asked, texts=len(view), earlier=earlier
            )
            kept = [_rows(view, [hit.opened for hit in hits])[:CANDIDATES] for hits in nearest]
            short = [
                len(rows) < CANDIDATES and len(hits) >= asked
                for rows, hits in zip(kept, nearest, strict=True)
            ]
            if not any(short) or asked == MOST_CANDIDATES:
                return np.unique(np.concatenate(kept))
            asked = min(asked * WIDER, MOST_CANDIDATES)

    def of_query(self, texts: Sequence[str]) -> Vectors:
        return self._calls.of_query(texts)


def _rows(view: View, docs: Sequence[int]) -> npt.NDArray[np.int64]:
    """The rows of a view that show these texts, in the texts' order; the others are left out."""
    texts = np.array(docs, np.int64)
    rows = np.searchsorted(view.doc, texts)
    rows[rows == len(view)] = 0
    shown: npt.NDArray[np.int64] = rows[view.doc[rows] == texts]
    return shown
