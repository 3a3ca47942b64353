"""Memory: the whole of what a caller of an embedded vault needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import Wait, open_engine
from memos.infrastructure.governance.decision import Governor
from memos.infrastructure.index.models.embedders import Embedder, embedder_named
from memos.infrastructure.index.models.rerankers import Reranker, reranker_from
from memos.interface.adding import Adding
from memos.interface.asking import Asking
from memos.interface.conversing import Conversing
from memos.interface.embedding import Embeddings
from memos.interface.examining import doctor
from memos.interface.facts import Facts
from memos.interface.following import Following
from memos.interface.keeping import Keeping
from memos.interface.migrating import Migrating
from memos.interface.moving import Moving
from memos.interface.reading import Readings
from memos.interface.undoing import Undoing
from memos.interface.writing import Writing
from memos.kernel.scope import check_scope, tenant_of
from memos.operation import validation as validate
from memos.operation.commands.erase import resume_erases
from memos.operation.search.dense import texts_to_embed
from memos.operation.session import Session, analyse

DEFAULT_ACTOR = "user:local"


class Memory(
    Adding,
    Conversing,
    Writing,
    Readings,
    Following,
    Asking,
    Embeddings,
    Facts,
    Undoing,
    Keeping,
    Moving,
    Migrating,
):
    """A vault of memories, opened.

    Safe to share between threads; several processes may open the same directory.

        with Memory("team.vault", actor="agent:alice") as memory:
            memory.add("She likes pottery.", scope="acme/alice/chat-7")
            memory.search("pottery", scope="acme/alice")
    """

    def __init__(
        self,
        path: str | Path,
        *,
        actor: str = DEFAULT_ACTOR,
        tenant: str | None = None,
        create: bool = True,
        clock: Callable[[], int] = system_time,
        governor: Governor | None = None,
        embedder: Embedder | str | None = None,
        reranker: Reranker | str | Path | None = None,
        wait: Wait = "applied",
    ) -> None:
        """Open the vault at a directory; made, with its keys, when absent.

        Args:
            path: the directory, or a settings file whose name ends in `.toml`.
            actor: on whose behalf; who makes a vault administers it.
            tenant: narrow everything to one tenant.
            create: make the vault when there is none.
            clock: microseconds since 1970; for tests.
            governor: decides who may do what, instead of the header rules.
            embedder: lets search find what is near in meaning: `"minilm"` for the local model, or
                an `Embedder` such as `EmbeddingsEndpoint`. Memories are embedded behind the write.
            reranker: lets the recipes `lexical+rerank` and `hybrid+rerank` read the best again
                together with the query: a `Reranker` such as `RerankEndpoint`, or the directory of
                a cross-encoder.
            wait: when an add returns: `"applied"`, as soon as it is readable, or `"durable"`, as
                soon as it is durable. In an embedded vault the two are one.

        Raises:
            VaultError: the vault cannot be opened.
            EmbeddingFailed: the embedder's model is not installed.
            RerankFailed: the reranker's directory holds no model that can be loaded.
        """
        validate.check_name(actor, "actor")
        narrowed = "" if tenant is None else tenant_of(check_scope(tenant))
        chosen = embedder_named(embedder)
        reader = reranker_from(reranker)
        self._path = Path(path)
        self._session = Session(
            open_engine(
                self._path,
                analyse=analyse,
                divide=texts_to_embed,
                actor=actor,
                clock=clock,
                create=create,
                wait=wait,
            ),
            actor=actor,
            tenant=narrowed,
            clock=clock,
            governor=governor,
            embedder=chosen,
            reranker=reader,
        )
        try:
            resume_erases(self._session)
        except BaseException:
            self._session.close()
            raise

    @property
    def path(self) -> Path:
        """The vault's directory, or its settings file."""
        return self._path

    def close(self) -> None:
        """Write what waits and close every file; harmless when repeated."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


__all__ = ["DEFAULT_ACTOR", "Memory", "doctor"]
