"""How far the embedder that works behind the writes is."""

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


def embedding_lag(session: Session) -> EmbeddingLag:
    """See `Memory.embedding_lag`."""
    with session.gate.enter("embedding_lag") as passage:
        passage.admit()  # a count of texts, of nobody's in particular
        embedding = _embedding(session, "embedding_lag")
        with session.engine.read() as reader:
            return EmbeddingLag(embedding.waiting(reader), embedding.name, embedding.failure)


def embed_pending(session: Session) -> int:
    """See `Memory.embed_pending`."""
    with session.gate.enter("embed_pending") as passage:
        passage.admit()  # the vault embeds on its own; this only waits for it
        return _embedding(session, "embed_pending").embed_pending()


def _embedding(session: Session, operation: str) -> DenseIndex:
    if session.embedding is None:
        raise InvalidInput(f"{operation} needs an embedder: open the vault with embedder=...")
    return session.embedding
