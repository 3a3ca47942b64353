"""Embedders: what turns texts into vectors. None is loaded unless it is asked for."""

from __future__ import annotations

from memos.infrastructure.index.models.embedders.port import Embedder
from memos.kernel.errors import InvalidInput, shorten

NAMES = ("minilm", "multilingual")
_PARTS = ("name", "digest", "dimensions", "embed")


def embedder_named(embedder: object) -> Embedder | None:
    """An embedder by its name; one that is given, or None, is handed back.

    Raises:
        InvalidInput: the name is not known, or what is given is no embedder.
        EmbeddingFailed: the model is not installed, or is not the one that it should be.
    """
    if embedder is None:
        return None
    if isinstance(embedder, str) and embedder == "minilm":
        from memos.infrastructure.index.models.embedders.minilm import MiniLM

        return MiniLM()
    if isinstance(embedder, str) and embedder == "multilingual":
        from memos.infrastructure.index.models.embedders.multilingual import MultilingualE5

        return MultilingualE5()
    if isinstance(embedder, str):
        raise InvalidInput(f"embedder={shorten(embedder)} is not known: choose {', '.join(NAMES)}")
    if not isinstance(embedder, Embedder):
        lacks = [name for name in _PARTS if not hasattr(embedder, name)]
        raise InvalidInput(
            f"embedder={shorten(embedder)} is none: it lacks {', '.join(lacks)}. Give "
            f"{', '.join(map(repr, NAMES))} or an object with {', '.join(_PARTS)}"
        )
    return embedder


__all__ = ["NAMES", "Embedder", "embedder_named"]
