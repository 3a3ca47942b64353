"""Calls that say what is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memos.interface.memory.door import Door

if TYPE_CHECKING:
    from memos.operation.reads.counting import Count
    from memos.operation.reads.listing import Page
    from memos.operation.reads.subjects import Subjects
    from memos.operation.validation import AsOf


class ListingCalls(Door):
    """Calls that say what is there. See `Memory`."""

    def list(
        self,
        *,
        scope: str | Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        state: str | Iterable[str] | None = None,
        order: str = "newest",
        limit: int = 100,
        cursor: str | None = None,
        as_of: AsOf | None = None,
        facts: bool = False,
    ) -> Page:
        """The memories that are there, page by page. It is no use of them.

        A page's `cursor` leads to the next one, which begins behind the last memory shown whatever was
        written meanwhile. By `newest` and `oldest` a memory keeps its place; by `changed` all pages are
        of the moment of the first. On servers what one call wrote has one log time, and stands together
        in any order. Memories that cannot be read are named in the page's `damaged`, those of which the
        filter cannot be told, since their values are of another kind, in its `not_compared`.

        Args:
            scope: in this scope and all that lies under it, or in these; by default everywhere.
            filter: what must hold: see `memos.operation.search.filters`.
            state: in this state, or these, instead of Generated, Activated and Frozen; or let the filter
                say it.
            order: `newest` or `oldest` first, by when they came to be; or `changed` last first.
            limit: how many at most.
            cursor: that of the page before; all else as for it.
            as_of: what was known at a cut, a position or a log time.
            facts: also facts that `extract_facts` made, as in `search`.

        Raises:
            InvalidInput: an argument does not fit, or the cursor is another list's.
            Denied: the actor may not read in a scope that is named.
        """
        from memos.operation.reads.listing import PageRequest, list_memories
        from memos.operation.reads.search import states_of
        from memos.operation.search.selection import Selection

        return list_memories(
            self._session,
            PageRequest(
                selection=Selection(
                    scope=scope,
                    filter=filter,
                    states=states_of(state),
                    as_of=as_of,
                    facts=facts,
                ),
                order=order,
                limit=limit,
                cursor=cursor,
            ),
        )

    def count(
        self,
        *,
        scope: str | Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        state: str | Iterable[str] | None = None,
        as_of: AsOf | None = None,
        facts: bool = False,
    ) -> Count:
        """How many memories `list` would show, page by page.

        What a filter says of tags, scope, state, version, id and valid time the index answers, and of
        owner, readers, writers, priority, sensitivity, purpose, uses, `created` and `changed` the
        headers. Of text, source, origin, types and metadata, or of these within one `or` or `not`,
        each memory that the rest fits is opened, which takes some tenths of a millisecond each. The
        count's `not_compared` tells which of these it passed over because their values are of another
        kind than its own.
        """
        from memos.operation.reads.counting import count
        from memos.operation.reads.search import states_of
        from memos.operation.search.selection import Selection

        selection = Selection(
            scope=scope, filter=filter, states=states_of(state), as_of=as_of, facts=facts
        )
        return count(self._session, selection)

    def scopes(self, prefix: str | None = None, *, as_of: AsOf | None = None) -> dict[str, int]:
        """The scopes that hold memories which the actor may read, in order, and how many each holds.

        Args:
            prefix: this scope and all that lies under it; by default all.
            as_of: what was known at a cut, a position or a log time.
        """
        from memos.operation.reads.counting import scopes

        return scopes(self._session, prefix, as_of)

    def subjects(
        self, scope: str | Iterable[str] | None = None, *, as_of: AsOf | None = None
    ) -> Subjects:
        """Whom the memories are about that the actor may read, and how many each: the commonest first.

        A subject that was named by none is the scope. Each memory is looked at.

        Args:
            scope: in this scope and all that lies under it, or in these; by default everywhere.
            as_of: what was known at a cut, a position or a log time.
        """
        from memos.operation.reads.subjects import subjects
        from memos.operation.search.selection import Selection

        return subjects(self._session, Selection(scope=scope, as_of=as_of))
