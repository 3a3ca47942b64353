"""The context of one conversation, turn by turn, in blocks that prompt caches can keep."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from threading import Lock
from typing import Any

from memos.operation.reads.budget import check_budget, counting
from memos.operation.reads.quote import CountTokens
from memos.operation.reads.scope import SearchRequest
from memos.operation.reads.stable_context import (
    Hold,
    StableContext,
    StableRequest,
    stable_context,
)
from memos.operation.session import Session
from memos.operation.validation import AsOf

PINNED_SHARE, HISTORY_SHARE = 2, 8
"""By default, how many times the budget of a delta the pinned block may have, and all deltas in the history."""


class ContextSession:
    """Gives each turn of a conversation its context; `Memory.context_session` makes it. Safe for threads:
    turns are taken one after the other.

    Args:
        session: an open vault and its actor.
        scope, budget_tokens, pinned_tokens, history_tokens, k, as_of, filter, recipe, state, count_tokens: as
            `Memory.context_session` says.
        hold: takes found memories out of each delta.
    """

    def __init__(
        self,
        session: Session,
        *,
        scope: str | Iterable[str],
        budget_tokens: int,
        pinned_tokens: int | None,
        history_tokens: int | None,
        k: int,
        as_of: AsOf | None,
        filter: Mapping[str, Any] | None,  # noqa: A002 - the field's word
        recipe: str | None,
        state: str | None,
        count_tokens: CountTokens,
        hold: Hold | None = None,
    ) -> None:
        self._session = session
        self._hold = hold
        self._budget = check_budget(budget_tokens)
        pinned = PINNED_SHARE * self._budget if pinned_tokens is None else pinned_tokens
        kept = HISTORY_SHARE * self._budget if history_tokens is None else history_tokens
        self._pinned = check_budget(pinned, "pinned_tokens")
        self._history = check_budget(kept, "history_tokens")
        self._count = counting(count_tokens)
        self._asked: dict[str, Any] = {
            "scope": scope,
            "k": k,
            "as_of": as_of,
            "filter": filter,
            "recipe": recipe,
        }
        # What does not fit is told before the first turn; an iterator of scopes is read once.
        self._asked["scope"] = SearchRequest(**self._asked).scopes
        self._turn = Lock()
        self._state = state

    @property
    def state(self) -> str | None:
        """Where the conversation stands: `Memory.context_session(state=…)` goes on from it, in any process.
        It names memories and holds none of their texts.
        """
        return self._state

    def turn(self, query: str) -> StableContext:
        """The context of the next turn: `pinned` belongs in front of the history, `delta` behind it, where it
        stays. Where `changed` is not empty, take the deltas before this one out of the history.

        Only what the actor may read now is in the blocks, at its present version. What was changed, undone,
        erased, or is no longer readable, valid or in force makes `changed`, and is in no block from then on.

        Args:
            query: what the turn is about, in words.

        Raises:
            InvalidInput: an argument does not fit.
        """
        with self._turn:
            request = StableRequest(
                search=SearchRequest(text=query, **self._asked),
                budget_tokens=self._budget,
                pinned_tokens=self._pinned,
                history_tokens=self._history,
                state=self._state,
            )
            context = stable_context(self._session, request, self._count, self._hold)
            self._state = context.state
            return context
