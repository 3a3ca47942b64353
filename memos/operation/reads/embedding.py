"""How far the embedder that works behind the writes is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from memos.infrastructure.engine.dense import Counts, DenseIndex
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class EmbeddingLag:
    """How many indexed texts, of every version of what the caller may read, are not embedded yet.

    `failure` says why, where the embedder's last call failed; empty otherwise. `set_aside` counts
    the texts that the model refuses while it embeds others: they are found by their words alone.
    """

    waiting: int
    model: str
    failure: str
    set_aside: int


def embedding_lag(session: Session) -> EmbeddingLag:
    """See `Memory.embedding_lag`."""
    with session.gate.enter("embedding_lag") as passage:
        embedding = _embedding(session, passage)
        return EmbeddingLag(
            _counted(session, passage, embedding.waiting),
            embedding.name,
            embedding.failure,
            _counted(session, passage, embedding.set_aside),
        )


def embed_pending(session: Session) -> int:
    """See `Memory.embed_pending`."""
    with session.gate.enter("embed_pending") as passage:
        embedding = _embedding(session, passage)
        if passage.permitted(Action.READ).whole_vault:
            return embedding.embed_pending()
        waiting = _counted(session, passage, embedding.waiting)
        embedding.embed_pending()
        return waiting


def _counted(
    session: Session, passage: Passage, count: Callable[[Reader, Counts | None], int]
) -> int:
    """How many texts there are, of those that the caller may read."""
    with session.engine.read() as reader:
        if passage.permitted(Action.READ).whole_vault:
            return count(reader, None)
        return count(reader, lambda cube: is_readable(passage, reader, cube))


def _embedding(session: Session, passage: Passage) -> DenseIndex:
    passage.admit()  # a vault without an embedder has nothing to count
    if session.embedding is None:
        raise InvalidInput(
            f"{passage.operation} needs an embedder: open the vault with embedder=..."
        )
    return session.embedding
