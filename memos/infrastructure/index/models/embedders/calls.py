"""Calls of an embedder: why the last one failed, and queries that do without it for a while."""

from __future__ import annotations

import time
from collections.abc import Sequence

from memos.infrastructure.index.models.embedders.port import Embedder, Vectors, embed_checked
from memos.kernel.errors import EmbeddingFailed

QUERY_REST = 10.0
"""Seconds in which queries do without an embedder that has just failed one."""


class EmbedderCalls:
    """Calls one embedder. Safe for threads, as the embedder is."""

    failure: str
    """Why the last call did not succeed; empty where it did."""

    def __init__(self, embedder: Embedder) -> None:
        self.failure = ""
        self._embedder = embedder
        self._rest_until = 0.0
        self._rest_because = ""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text: shape (len(texts), dimensions).

        Raises:
            EmbeddingFailed: the embedder failed.
        """
        return self._checked(texts, queries=False)

    def embed_behind(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, in a thread of ours, where nobody waits: no interrupt is meant for it, and what
        an embedder raises to end its thread would end all embedding.

        Raises:
            EmbeddingFailed: the embedder failed, in whatever way.
        """
        try:
            return self.embed(texts)
        except EmbeddingFailed:
            raise
        except BaseException as error:
            said = f"{type(error).__name__}: {error}".removesuffix(": ")
            self.failure = f"{self._embedder.name} failed: {said}"
            raise EmbeddingFailed(self.failure) from error

    def of_query(self, texts: Sequence[str]) -> Vectors:
        """The vectors of a query's wordings, as `embed` gives them.

        Who searches should not wait for each query anew until an embedder that is away fails.

        Raises:
            EmbeddingFailed: the embedder failed, now or at a query of the last seconds.
        """
        if time.monotonic() < self._rest_until:
            raise EmbeddingFailed(self._rest_because)
        try:
            return self._checked(texts, queries=True)
        except EmbeddingFailed as error:
            self._rest_because = str(error)
            self._rest_until = time.monotonic() + QUERY_REST
            raise

    def _checked(self, texts: Sequence[str], *, queries: bool) -> Vectors:
        try:
            vectors = embed_checked(self._embedder, texts, queries=queries)
        except EmbeddingFailed as error:
            self.failure = str(error)
            raise
        self.failure = ""
        return vectors
