"""Calls that find memories for a query."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.door import Door
from memos.operation.validation import (
    Time,
    check_callable,
    check_time,
)

if TYPE_CHECKING:
    from memos.operation.commands.extract import FactsReport
    from memos.operation.commands.facts import Extractor
    from memos.operation.reads.embedding import EmbeddingLag
    from memos.operation.search.hits import Hits
    from memos.operation.validation import AsOf


class SearchingCalls(Door):
    """Calls that find memories for a query. See `Memory`."""

    def search(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        k: int = 10,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        as_of: AsOf | None = None,
        valid_at: Time | None = None,
        states: Iterable[str] | None = None,
        recipe: str | None = None,
        facts: bool = False,
        min_score: float = 0.0,
    ) -> Hits:
        """The memories that fit a query best, in a scope and all that lies under it.

        Args:
            query: words, in any order; none, where a filter is given: what it holds of then, the
                newest first. A phrase in double quotes must stand in a text as it is, where any has it;
                dates (`in May 2023`, `last summer`) draw texts of that time to the top. For a task
                (`Can you plan the trip?`) also what the user wants always.
            scope: where to look, in one scope or in several of one tenant; only what the actor may read
                there has any influence.
            k: how many at most.
            filter: what must hold: see `memos.operation.search.filters`.
            as_of: search what was known at a cut, a position or a log time.
            valid_at: search what was true in the world at this time: a memory of which it was told
                that it began later comes at its newest earlier version that held then, and without
                one is left out, as is one that had ended; one without a valid time is kept. Where
                the query asks for a slot (`Where does Ana live?`), the memory that began last by
                then comes first; without it, the one that holds at the read time. Relative dates
                are relative to it, or else to the read time. With `as_of`: of what was known then.
            states: which states to show instead of Generated, Activated and Frozen.
            recipe: which stages run: see `memos.operation.search.recipe`.
            facts: also find facts that `extract_facts` made; without it only where the filter
                speaks of `semantic_type`.
            min_score: leave out what is less likely than this to be about what is asked, from 0 to
                1, so that nothing is an answer; `explain["relevance"]` is that likelihood.
                docs/retrieval.md says what each value costs and gives.

        Returns:
            Hits, best first, each cube once at its version for that position. The order is
            deterministic; of equals the newer comes first. Each hit's `why` says in words why it
            was found, its `explain` what each stage gave it; that of the list,
            also of an empty one, how the search ran and which optional side was not there.
        """
        from memos.operation.reads.scope import SearchRequest
        from memos.operation.reads.search import search, states_named

        request = SearchRequest(
            scope=scope,
            text=query,
            k=k,
            filter=filter,
            as_of=as_of,
            recipe=recipe,
            states=states_named(states),
            valid_at=None if valid_at is None else check_time(valid_at, "valid_at"),
            facts=facts,
            min_score=min_score,
        )
        return search(self._session, request)

    def embedding_lag(self) -> EmbeddingLag:
        """How far the dense side is behind the writes.

        Raises:
            InvalidInput: the vault was opened without an embedder.
        """
        from memos.operation.reads.embedding import embedding_lag

        return embedding_lag(self._session)

    def embed_pending(self) -> int:
        """Embed now what waits, and come back when all is done; how many texts it were.

        Raises:
            EmbeddingFailed: the embedder failed; what was done is kept, and the rest waits.
            InvalidInput: the vault was opened without an embedder.
        """
        from memos.operation.reads.embedding import embed_pending

        return embed_pending(self._session)

    def extract_facts(
        self,
        scope: str,
        extractor: Extractor | None = None,
        *,
        name: str | None = None,
        limit: int | None = None,
        progress: Progress = no_progress,
    ) -> FactsReport:
        """Extract the facts of what an extractor has not read yet for this actor, in a scope and
        under it.

        Each fact is a memory of semantic type `fact`, derived from the one that tells it: it has
        its scope, source, valid time, readers and subjects, and rollback and erase reach it. When
        a memory changes, the facts of its earlier version are archived; those that are frozen, or not
        the actor's to archive, are named in `kept`. One that changes while it is read gives none, and
        waits to be read anew. `search(facts=True)` finds
        them; other searches find memories only. A repeat makes no second copy.

        Args:
            scope: where.
            extractor: from a memory's text (`Speaker: text`) to its facts, such as a call of a
                language model; by default what the patterns of slots read (English).
            name: the extractor's, with its version; by default that of the function. Another name,
                and another actor, reads everything anew.
            limit: how many memories are read at most.
            progress: told (memories read, of how many).

        Raises:
            Denied: the actor may not read there, or not add.
            InvalidInput: the extractor gave something else than texts. It, and what else an
                extractor raises, comes after the facts from before are kept; what gave none in
                the same batch is read again.
        """
        from memos.operation.commands.extract import extract_facts

        return extract_facts(
            self._session,
            scope,
            extractor,
            name=name,
            limit=limit,
            progress=check_callable(progress, "progress"),
        )
