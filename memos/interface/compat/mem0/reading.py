"""mem0's calls that read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from memos.interface.compat.arguments import check_mapping, check_text
from memos.interface.compat.mem0.door import Door
from memos.interface.compat.mem0.entities import (
    ENTITIES,
    entities_from,
    entities_of,
    exactly,
)
from memos.interface.compat.mem0.filters import Selected, select
from memos.interface.compat.mem0.records import history_of, not_expired, record_of
from memos.interface.compat.vaults import tell_damaged
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.scope import MOST_SCOPES, contains
from memos.operation.cube import MemCube
from memos.operation.reads.history import Change
from memos.operation.validation import Time, check_flag

_PAGE = 500


class ReadingCalls(Door):
    """mem0's calls that read. See `Memory`."""

    def get(self, memory_id: str) -> dict[str, Any] | None:
        """One memory, expired ones too; None where there is none, or it was deleted."""
        cube = self._cube(memory_id)
        return None if cube is None else record_of(cube, self._base, score=None)

    def get_all(
        self,
        *,
        filters: Mapping[str, Any] | None = None,
        top_k: int = 20,
        show_expired: bool = False,
        user_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        run_id: str | None = None,
    ) -> dict[str, Any]:
        """The memories that a filter fits, the newest first.

        Args:
            filters: which: see `memos.interface.compat.mem0.filters`. It names an entity, anywhere.
            top_k: how many at most.
            show_expired: also those whose `expiration_date` has passed.
            user_id: of whom, as in `filters`.
            agent_id: of which agent, as in `filters`.
            app_id: of which application, as in `filters`.
            run_id: of which run, as in `filters`.

        Raises:
            InvalidInput: an argument does not fit, or no entity is named.
        """
        _check_count(top_k)
        check_flag(show_expired, "show_expired")
        given = {"user_id": user_id, "agent_id": agent_id, "app_id": app_id, "run_id": run_id}
        selected = self._selected(filters, given, show_expired=show_expired)
        cubes = self._newest(selected, top_k)
        return {"results": [record_of(cube, self._base) for cube in cubes]}

    def search(
        self,
        query: str,
        *,
        top_k: int = 20,
        filters: Mapping[str, Any] | None = None,
        threshold: float | None = None,
        rerank: bool = False,
        explain: bool = False,
        reference_date: Time | None = None,
        show_expired: bool = False,
        user_id: str | None = None,
        agent_id: str | None = None,
        app_id: str | None = None,
        run_id: str | None = None,
    ) -> dict[str, Any]:
        """The memories that fit a query best, best first.

        Args:
            query: words, in any order.
            top_k: how many at most.
            filters: which: see `memos.interface.compat.mem0.filters`. It names an entity, anywhere.
            threshold: the least `score`: how likely a memory is to be about what is asked, 0 to 1; by default
                nothing that was found is left out.
            rerank: have the vault's reranker read the best again.
            explain: add `score_details`.
            reference_date: search what was true in the world then.
            show_expired: also those whose `expiration_date` has passed.
            user_id: of whom, as in `filters`.
            agent_id: of which agent, as in `filters`.
            app_id: of which application, as in `filters`.
            run_id: of which run, as in `filters`.

        Raises:
            InvalidInput: an argument does not fit, no entity is named, or there is no reranker.
        """
        _check_count(top_k)
        for name, flag in (
            ("rerank", rerank),
            ("explain", explain),
            ("show_expired", show_expired),
        ):
            check_flag(flag, name)
        least = _threshold(threshold)
        words = _query(query)
        given = {"user_id": user_id, "agent_id": agent_id, "app_id": app_id, "run_id": run_id}
        selected = self._selected(filters, given, show_expired=show_expired)
        scopes = self._narrowed(selected)
        if top_k == 0 or not scopes:
            return {"results": []}
        hits = self.vault.search(
            words,
            scope=scopes,
            k=top_k,
            filter=selected.filter,
            min_score=least,
            valid_at=reference_date,
            recipe=self._reranking() if rerank else None,
        )
        records = []
        for hit in hits:
            details = {"score_details": dict(hit.explain)} if explain else {}
            score = hit.explain["relevance"]
            records.append(record_of(hit, self._base, score=score) | details)
        return {"results": records}

    def history(self, memory_id: str) -> list[dict[str, Any]]:
        """What happened to a memory, oldest first: each an ADD, UPDATE or DELETE."""
        changes = self._changes(memory_id)
        return history_of(changes, changes[0].entry.metadata) if changes else []

    def _newest(self, selected: Selected, most: int) -> Iterator[MemCube]:
        """The newest of what was selected."""
        cursor = None
        while most > 0:
            page = self.vault.list(
                scope=selected.scopes,
                filter=selected.filter,
                limit=min(_PAGE, most),
                cursor=cursor,
            )
            tell_damaged(page.damaged)
            yield from page
            most -= len(page)
            cursor = page.cursor
            if cursor is None:
                return

    def _changes(self, memory_id: str) -> Sequence[Change]:
        """Everything that was attempted on a memory below the scope; nothing where there is none."""
        try:
            changes = self.vault.history(memory_id)
        except NotFound:
            return ()
        return changes if contains(self._base, changes[0].entry.scope) else ()

    def _selected(
        self, filters: Mapping[str, Any] | None, given: Mapping[str, Any], *, show_expired: bool
    ) -> Selected:
        parts = [exactly(entities_from(given)), check_mapping(filters, "filters")]
        selected = self._select({"AND": [part for part in parts if part]})
        if not selected.entities:
            raise InvalidInput(
                f"filters must contain at least one of: {', '.join(ENTITIES)}. "
                "Example: filters={'user_id': 'u1'}"
            )
        if show_expired:
            return selected
        return selected._replace(filter={"and": [selected.filter, not_expired()]})

    def _narrowed(self, selected: Selected) -> tuple[str, ...]:
        """The scopes of an agent, an application or a run across its users, where they are few enough to be named:
        a search then ranks nothing else.
        """
        if not selected.required or len(selected.scopes) > 1:
            return selected.scopes
        required = selected.required.items()
        held = self.vault.scopes(selected.scopes[0])
        own = [scope for scope in held if required <= entities_of(self._base, scope).items()]
        return tuple(own) if len(own) <= MOST_SCOPES else selected.scopes

    def _select(self, filters: Mapping[str, Any]) -> Selected:
        """What a filter selects below the scope."""
        return select(filters, self._base)

    def _reranking(self) -> str:
        """The recipe that reads the best again."""
        try:
            self.vault.embedding_lag()
        except InvalidInput:
            return "lexical+rerank"
        return "hybrid+rerank"


def _check_count(top_k: object) -> None:
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 0:
        raise InvalidInput(f"Invalid top_k: {shorten(top_k)}. Must be a non-negative integer.")


def _query(query: object) -> str:
    words = check_text(query, "query").strip()
    if not words:
        raise InvalidInput("Invalid query: cannot be empty or whitespace-only.")
    return words


def _threshold(threshold: object) -> float:
    if threshold is None:
        return 0.0
    if isinstance(threshold, bool) or not isinstance(threshold, (int, float)):
        raise InvalidInput("threshold must be a valid number")
    if not 0 <= threshold <= 1:
        told = shorten(threshold)
        raise InvalidInput(f"Invalid threshold: {told}. Must be between 0 and 1 (inclusive).")
    return float(threshold)
