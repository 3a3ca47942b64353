"""Calls that gather memories for a task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from memos.interface.memory.door import Door
from memos.operation.reads.quote import CountTokens, estimate_tokens
from memos.operation.validation import (
    check_flag,
)

if TYPE_CHECKING:
    from memos.interface.context_session import ContextSession
    from memos.operation.reads.context_block import ContextBlock
    from memos.operation.reads.graph import Related
    from memos.operation.reads.route import Route
    from memos.operation.reads.stable_context import StableContext
    from memos.operation.validation import AsOf


class GatheringCalls(Door):
    """Calls that gather memories for a task. See `Memory`."""

    @overload
    def context(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        stable: Literal[False] = False,
    ) -> ContextBlock: ...

    @overload
    def context(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        stable: Literal[True],
    ) -> StableContext: ...

    def context(
        self,
        query: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
        stable: bool = False,
    ) -> ContextBlock | StableContext:
        """A block for a prompt: the memories that fit a query best, quoted and cited.

        What two memories say alike is quoted once and cites both; of facts about the same thing
        the newest valid one comes first; turns of a conversation stand together in their order.
        `memos.operation.reads.context_block` tells what the quoting guarantees and what it cannot.
        What the block quotes counts as used; what did not fit does not.

        Args:
            query: words, in any order.
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            budget_tokens: how many tokens the block may have, by `count_tokens`; about 32 of them are
                the frame, and a memory that is larger than the rest is quoted in part.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
            stable: two blocks instead of one, of which the first is the same whatever is asked: what the
                first turn of a `context_session` gives.
        """
        if check_flag(stable, "stable"):
            return self.context_session(
                scope=scope,
                budget_tokens=budget_tokens,
                k=k,
                as_of=as_of,
                filter=filter,
                recipe=recipe,
                count_tokens=count_tokens,
            ).turn(query)
        from memos.operation.reads.context import context
        from memos.operation.reads.scope import SearchRequest

        request = SearchRequest(
            scope=scope, text=query, k=k, filter=filter, as_of=as_of, recipe=recipe
        )
        return context(self._session, request, budget_tokens, count_tokens)

    def context_session(
        self,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        pinned_tokens: int | None = None,
        history_tokens: int | None = None,
        k: int = 30,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        state: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
    ) -> ContextSession:
        """The context of a conversation, in two blocks, so that a model's prompt cache keeps its prefix.

        Each `turn(query)` gives `pinned`, which belongs in front of the history and is the same to the
        byte from turn to turn and from process to process, and `delta`, which belongs behind the history
        and stays where it stands. In the pinned block are the memories tagged `policy`, then those tagged
        `pinned`, then what several turns needed, by first use. A delta has what neither the pinned block
        nor an earlier delta has. Memories are cited by labels that stay.

        A turn says that something `changed` where a memory in the prompt was changed or is no longer
        readable, valid or in force, where what is tagged changed, and where the deltas in the history have
        grown past `history_tokens`. Then the pinned block is another one, and the deltas before this turn's
        are to be taken out of the history: `docs/guide.md` shows how.

        Args:
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            budget_tokens: how many tokens a delta may have, by `count_tokens`.
            pinned_tokens: how many the pinned block may have; by default twice as many.
            history_tokens: how many the deltas in the history may have together; by default eight times as
                many.
            k: how many memories are considered in a turn.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            state: the `state` of a session of the same scope, filter and moment, to go on from.
            count_tokens: a model's own counter; by default `estimate_tokens`.

        Raises:
            InvalidInput: an argument does not fit; a state is looked at with the first turn.
        """
        from memos.interface.context_session import ContextSession

        return ContextSession(
            self._session,
            scope=scope,
            budget_tokens=budget_tokens,
            pinned_tokens=pinned_tokens,
            history_tokens=history_tokens,
            k=k,
            as_of=as_of,
            filter=filter,
            recipe=recipe,
            state=state,
            count_tokens=count_tokens,
        )

    def related(self, cube_id: str, *, k: int = 10, scope: str | None = None) -> list[Related]:
        """The memories nearest to one in the graph of cubes, best first, each with its reasons.

        Edges are lineage, turns around it, shared tags, a shared source and shared rare words.
        Only what the actor may read is named, or counts. It is no use of what it names.

        Args:
            cube_id: of which.
            k: how many at most.
            scope: where to look, and in all that lies under it; by default its whole tenant.

        Raises:
            NotFound: there is no such memory, or it was erased.
        """
        from memos.operation.reads.context import related

        return related(self._session, cube_id, k, scope)

    def route(
        self,
        task: str,
        *,
        scope: str | Iterable[str],
        budget_tokens: int = 1000,
        k: int = 50,
        as_of: AsOf | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipe: str | None = None,
        count_tokens: CountTokens = estimate_tokens,
    ) -> Route:
        """Which scopes, concepts and memories serve a task, in which form and order.

        A plan, without the texts: reading what it names, by `get` or `context`, is the use.

        Args:
            task: what is to be done, in words.
            scope: where to look, and in all that lies under it; one scope, or several of one tenant.
            budget_tokens: how many tokens the plaintext on the path may take.
            k: how many memories are considered.
            as_of: what was known at a cut, a position or a log time.
            filter: what must hold, as in `search`.
            recipe: which stages of search run.
            count_tokens: a model's own counter; by default `estimate_tokens`.
        """
        from memos.operation.reads.context import route
        from memos.operation.reads.scope import SearchRequest

        request = SearchRequest(
            scope=scope, text=task, k=k, filter=filter, as_of=as_of, recipe=recipe
        )
        return route(self._session, request, budget_tokens, count_tokens)
