"""Rerankers: what reads a query and a text together. None is loaded unless it is asked for."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.index.models.rerankers.port import Reranker, Reranking
from memos.kernel.errors import InvalidInput, shorten


def reranker_from(reranker: object) -> Reranker | None:
    """A reranker as it is given, one from the directory of a cross-encoder, or None.

    Raises:
        InvalidInput: what is given is no reranker.
        RerankFailed: the directory holds no cross-encoder that can be loaded.
    """
    if reranker is None:
        return None
    if isinstance(reranker, (str, Path)):
        from memos.infrastructure.index.models.rerankers.crossencoder import CrossEncoder

        try:
            return CrossEncoder(Path(reranker))
        except ValueError as error:
            raise InvalidInput(f"reranker {shorten(reranker)} is no path: {error}") from None
    if not isinstance(reranker, Reranker):
        raise InvalidInput(
            f"a reranker has name, digest and score, or is a cross-encoder's directory; {shorten(reranker)} "
            "is neither"
        )
    return reranker


__all__ = ["Reranker", "Reranking", "reranker_from"]
