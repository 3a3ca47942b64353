"""LangChain's embeddings as an embedder of a vault."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from inspect import iscoroutinefunction

import numpy as np
from langgraph.store.base import Embeddings, IndexConfig, ensure_embeddings

from memos.infrastructure.index.models.embedders.port import Vectors, normalised
from memos.kernel.errors import InvalidInput, shorten
from memos.operation.validation import check_limit

_MOST_DIMENSIONS = 2**16


class LangChainEmbedder:
    """An `Embedder` that asks LangChain's `Embeddings`, or a function of texts.

    Vectors are told apart by the name of the class or function, its `model` and the width: give one that is changed
    another name.
    """

    def __init__(self, embeddings: Embeddings, dimensions: int, name: str) -> None:
        self._embeddings = embeddings
        self._dimensions = dimensions
        self._name = name

    @property
    def name(self) -> str:
        return self._name

    @property
    def digest(self) -> bytes:
        return sha256(f"langchain\n{self._name}\n{self._dimensions}".encode()).digest()

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        return normalised(np.asarray(self._embeddings.embed_documents(list(texts)), np.float32))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        """As `embed`, of queries."""
        vectors = [self._embeddings.embed_query(text) for text in texts]
        return normalised(np.asarray(vectors, np.float32))


def embedder_of(index: IndexConfig) -> LangChainEmbedder:
    """The embedder of LangGraph's index configuration.

    Raises:
        InvalidInput: it says no width, or no embeddings, or a function that is awaited.
    """
    embed, dims = index.get("embed"), index.get("dims")
    if embed is None or dims is None:
        raise InvalidInput("index names `embed` and `dims`, or only `fields`")
    check_limit(dims, "index.dims", _MOST_DIMENSIONS)
    if not callable(embed) and not isinstance(embed, (str, Embeddings)):
        raise InvalidInput(
            f"index.embed is LangChain's embeddings, or a function of texts, not {shorten(embed)}"
        )
    if iscoroutinefunction(embed):
        raise InvalidInput(
            "index.embed is awaited: a vault embeds in threads, so pass one that is not"
        )
    model = getattr(embed, "model", None) or getattr(embed, "model_name", "")
    kind = embed if hasattr(embed, "__qualname__") else type(embed)
    name = embed if isinstance(embed, str) else f"{kind.__module__}.{kind.__qualname__} {model}"
    try:
        return LangChainEmbedder(ensure_embeddings(embed), dims, name.strip())
    except ValueError as error:  # it cannot be loaded by such a name
        raise InvalidInput(f"index.embed: {error}") from None
