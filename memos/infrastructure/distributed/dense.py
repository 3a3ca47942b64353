"""The dense side of a distributed vault, as a reader has it: the nearest of what Milvus holds."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from memos.infrastructure.distributed import folding
from memos.infrastructure.distributed.stores import Generation, Stores
from memos.infrastructure.distributed.vectors import PROJECTION, rotations_of
from memos.infrastructure.distributed.waiting import Waiter
from memos.infrastructure.engine import Reading
from memos.infrastructure.index.embedders.port import Embedder, Vectors, embed_checked
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.index.milvus.search import VectorSearch
from memos.infrastructure.index.port import Nearest, View
from memos.kernel.errors import EmbeddingFailed, IndexUnavailable

CANDIDATES = 200
"""Rows asked of Milvus for each wording of a query; a text may have several, its sentences."""

QUERY_REST = 10.0
"""Seconds in which queries do without an embedder that has just failed."""


class DistributedDense:
    """See `engine.DenseIndex`. Embedding is the index worker's; this only embeds queries."""

    def __init__(
        self,
        stores: Stores,
        milvus: Milvus,
        embedder: Embedder,
        generation: Callable[[], Generation],
        waiter: Waiter,
    ) -> None:
        collections = Generations(milvus, embedder.digest, embedder.dimensions)
        if collections.live() is None:
            collections.create()
        self._milvus = milvus
        self._search = VectorSearch(milvus, collections.alias, rotations_of(stores, embedder))
        self._embedder = embedder
        self._generation = generation
        self._waiter = waiter
        self._rest_until = 0.0
        self.failure = ""

    @property
    def name(self) -> str:
        return self._embedder.name

    def start(self) -> None:
        """Nothing runs here."""

    def close(self) -> None:
        self._milvus.close()

    def waiting(self, reading: Reading) -> int:
        done = self._generation().vault.checkpoints(PROJECTION)
        folded = self._generation().vault.checkpoints(folding.PROJECTION)
        return sum(
            max(at[0] - (done[partition][0] if partition in done else 0), 0)
            for partition, at in folded.items()
        )

    def embed_pending(self) -> int:
        """Wait for the worker that embeds; how many records waited."""
        folded = self._generation().vault.checkpoints(folding.PROJECTION)
        ends = {partition: at[0] for partition, at in folded.items()}
        done = self._generation().vault.checkpoints(PROJECTION)
        waiting = sum(
            max(end - (done[partition][0] if partition in done else 0), 0)
            for partition, end in ends.items()
        )
        self._waiter.until_passed(PROJECTION, ends)
        return waiting

    def nearest(self, reading: Reading, view: View, scope: str, queries: Vectors) -> Nearest:
        try:
            return self._nearest(view, scope, queries)
        except IndexUnavailable as error:
            self.failure = str(error)
            raise

    def _nearest(self, view: View, scope: str, queries: Vectors) -> Nearest:
        cubes: dict[bytes, None] = {}
        for query in queries:
            found = self._search.candidates(scope, view.at, query, CANDIDATES)
            cubes.update(dict.fromkeys(each.cube_id for each in found))
        chosen = list(cubes)
        near = [
            {each.opened: each for each in self._search.nearness(scope, view.at, query, chosen)}
            for query in queries
        ]
        docs = sorted(set.intersection(*(set(each) for each in near))) if near else []
        return Nearest(
            np.array(docs, np.int64),
            np.array([[each[doc].text for doc in docs] for each in near], np.float64),
            np.array([[each[doc].sentence for doc in docs] for each in near], np.float64),
            complete=False,
        )

    def of_query(self, texts: Sequence[str]) -> Vectors:
        if time.monotonic() < self._rest_until:
            raise EmbeddingFailed(self.failure)
        try:
            vectors = embed_checked(self._embedder, texts)
        except EmbeddingFailed as error:
            self.failure = str(error)
            self._rest_until = time.monotonic() + QUERY_REST
            raise
        self.failure = ""
        return vectors
