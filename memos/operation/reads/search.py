"""The memories that fit a query best."""

from __future__ import annotations

from collections.abc import Iterable

from memos.kernel.cube import Lifecycle
from memos.kernel.errors import InvalidInput
from memos.kernel.event import id_bytes
from memos.kernel.moment import At
from memos.operation.cube import STATES_BY_TITLE
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.hits import Hits
from memos.operation.session import Session
from memos.operation.validation import check_names


def search(session: Session, request: SearchRequest) -> Hits:
    """See `Memory.search`."""
    hits = Hits((), {"searched": 0})
    at: At = 0
    with session.gate.enter("search") as passage:
        with open_scope(session, passage, request) as scope_view:
            if scope_view is not None:
                hits, at = scope_view.hits(), scope_view.view.at
        used = [(id_bytes(hit.cube_id), hit.version) for hit in hits]
        passage.note(request.within, used, at, request.text)
        return hits


def states_of(state: str | Iterable[str] | None) -> frozenset[Lifecycle] | None:
    """The state, or the states, that were named; None where none was.

    Raises:
        InvalidInput: one is unknown.
    """
    return states_named((state,) if isinstance(state, str) else state)


def states_named(titles: Iterable[str] | None) -> frozenset[Lifecycle] | None:
    """States by the names that people write; None where none were named.

    Raises:
        InvalidInput: one is unknown.
    """
    if titles is None:
        return None
    names = check_names(titles, "states")
    unknown = [name for name in names if name not in STATES_BY_TITLE]
    if unknown:
        raise InvalidInput(f"{unknown[0]!r} is no state: choose {', '.join(STATES_BY_TITLE)}")
    return frozenset(STATES_BY_TITLE[name] for name in names)
