"""How far the embedder that works behind the writes is."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.engine.dense import DenseIndex
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class EmbeddingLag:
    """How many indexed texts, of every version of what the caller may read, are not embedded yet.

    `failure` says why, where the embedder's last call failed; empty otherwise.
    """

    waiting: int
    model: str
    failure: str


def embedding_lag(session: Session) -> EmbeddingLag:
    """See `Memory.embedding_lag`."""
    with session.gate.enter("embedding_lag") as passage:
        embedding = _embedding(session, passage)
        return EmbeddingLag(
            _waiting(session, passage, embedding), embedding.name, embedding.failure
        )


def embed_pending(session: Session) -> int:
    """See `Memory.embed_pending`."""
    with session.gate.enter("embed_pending") as passage:
        embedding = _embedding(session, passage)
        if passage.permitted(Action.READ).whole_vault:
            return embedding.embed_pending()
        waiting = _waiting(session, passage, embedding)
        embedding.embed_pending()
        return waiting


def _waiting(session: Session, passage: Passage, embedding: DenseIndex) -> int:
    """How many texts wait of those that the caller may read."""
    with session.engine.read() as reader:
        if passage.permitted(Action.READ).whole_vault:
            return embedding.waiting(reader)
        return embedding.waiting(reader, lambda cube: is_readable(passage, reader, cube))


def _embedding(session: Session, passage: Passage) -> DenseIndex:
    passage.admit()  # a vault without an embedder has nothing to count
    if session.embedding is None:
        raise InvalidInput(
            f"{passage.operation} needs an embedder: open the vault with embedder=..."
        )
    return session.embedding
