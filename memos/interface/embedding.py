"""The part of the Memory API that tells how far the dense side is."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.engine.dense import DenseIndex
from memos.kernel.errors import InvalidInput
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class EmbeddingLag:
    """How many indexed texts of the vault, of every version, are not embedded yet.

    `failure` says why, where the embedder's last call failed; empty otherwise.
    """

    waiting: int
    model: str
    failure: str


class Embeddings:
    """What a caller may ask of the embedder that works behind the writes."""

    _session: Session

    def embedding_lag(self) -> EmbeddingLag:
        """How far the dense side is behind the writes.

        Raises:
            InvalidInput: the vault was opened without an embedder.
        """
        embedding = self._embedding("embedding_lag")
        with self._session.engine.read() as reader:
            return EmbeddingLag(embedding.waiting(reader), embedding.name, embedding.failure)

    def embed_pending(self) -> int:
        """Embed now what waits, and come back when all is done; how many texts it were.

        Raises:
            EmbeddingFailed: the embedder failed; what was done is kept, and the rest waits.
            InvalidInput: the vault was opened without an embedder.
        """
        return self._embedding("embed_pending").embed_pending()

    def _embedding(self, operation: str) -> DenseIndex:
        embedding = self._session.embedding
        if embedding is None:
            raise InvalidInput(f"{operation} needs an embedder: open the vault with embedder=...")
        return embedding
