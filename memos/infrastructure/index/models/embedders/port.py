"""Embedder: texts to vectors whose dot product tells how near they are in meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from memos.kernel.errors import EmbeddingFailed
from memos.language.well_formed import well_formed

Vectors = npt.NDArray[np.float32]


@runtime_checkable
class Embedder(Protocol):
    """A model of sentences. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What people call the model."""
        ...

    @property
    def digest(self) -> bytes:
        """32 bytes that no other model has: vectors of different digests are never compared."""
        ...

    @property
    def dimensions(self) -> int:
        """The width of a vector."""
        ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One vector a text, of length 1, in order: shape (len(texts), dimensions).

        Raises:
            EmbeddingFailed: the model did not answer, or not with vectors.
        """
        ...


@runtime_checkable
class QueryEmbedder(Embedder, Protocol):
    """An embedder that reads a query in another way than the texts that may answer it."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, of queries."""
        ...


def embed_checked(embedder: Embedder, texts: Sequence[str], *, queries: bool = False) -> Vectors:
    """What an embedder gives, once its shape, width and numbers are as promised.

    It is given texts that UTF-8 can hold: a memory's may have half a surrogate pair, and most
    models refuse a whole batch for one.

    Args:
        embedder: the model.
        texts: what is embedded.
        queries: whether they are queries, and no memories.

    Raises:
        EmbeddingFailed: they are not, or the embedder failed.
    """
    embed = embedder.embed
    if queries and isinstance(embedder, QueryEmbedder):
        embed = embedder.embed_queries
    try:
        vectors = np.asarray(embed([well_formed(text) for text in texts]), np.float32)
    except EmbeddingFailed:
        raise
    except Exception as error:
        raise EmbeddingFailed(f"{embedder.name} failed: {type(error).__name__}: {error}") from error
    expected = (len(texts), embedder.dimensions)
    if vectors.shape != expected:
        raise EmbeddingFailed(
            f"{embedder.name} gave vectors of shape {vectors.shape}, not {expected}: its "
            "`dimensions` must be the width of its vectors"
        )
    if not np.isfinite(vectors).all():
        raise EmbeddingFailed(f"{embedder.name} gave a vector that holds NaN or infinity")
    return vectors


def normalised(vectors: npt.NDArray[np.float32]) -> Vectors:
    """Each row scaled to length 1; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = (vectors / np.where(lengths > 0, lengths, 1.0)).astype(np.float32)
    return scaled
