"""What an actor sees of a selection at a moment, tenant by tenant; and that they looked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.index.port import Order
from memos.kernel.event import id_bytes
from memos.kernel.moment import At, Moment
from memos.kernel.scope import common_scope, tenant_of
from memos.operation.cube import MemCube
from memos.operation.gate import Passage
from memos.operation.reads.scope import SearchRequest, analyzer_in, query_of, view_of
from memos.operation.search.listing import Listing
from memos.operation.search.scope_view import ScopeView
from memos.operation.search.selection import Selection
from memos.operation.session import Session


def views_of(
    session: Session, passage: Passage, reader: Reader, moment: Moment, selection: Selection
) -> list[ScopeView]:
    """What the actor sees of the scopes of a selection at a moment, tenant by tenant.

    Raises:
        Denied: a scope is named that they may not read.
    """
    views = (
        view_of(session, passage, reader, moment, request)
        for request in _requests(session, passage, selection)
    )
    return [view for view in views if view is not None]


def listings_of(
    session: Session,
    passage: Passage,
    reader: Reader,
    moment: Moment,
    selection: Selection,
    order: Order,
) -> list[Listing]:
    """The same in an order, to be read as far as somebody asks."""
    listings = []
    for request in _requests(session, passage, selection):
        query = query_of(session, passage, moment, request)
        analyzer = analyzer_in(session, request.scopes[0])
        if analyzer is not None:  # how a memory was used is shown of each
            query = query._replace(counts_uses=True)
            listings.append(Listing(reader, analyzer, query, order))
    return listings


def _requests(session: Session, passage: Passage, selection: Selection) -> Iterator[SearchRequest]:
    for scopes in _by_tenant(session, passage, selection.scopes):
        yield SearchRequest(
            scope=scopes,
            filter=selection.filter,
            states=selection.states,
            facts=selection.facts,
        )


def _by_tenant(
    session: Session, passage: Passage, scopes: tuple[str, ...] | None
) -> list[tuple[str, ...]]:
    if scopes is not None:
        for scope in scopes:
            passage.require(Action.READ, scope)
        return [tuple(of_tenant) for _, of_tenant in groupby(scopes, tenant_of)]
    passage.admit(Action.READ)  # each tenant is asked for, and each row is judged
    reached = map(passage.scopes_in, session.tenants())
    allowed = (
        tuple(scope for scope in scopes if passage.allows_scope(Action.READ, scope))
        for scopes in reached
    )
    return [scopes for scopes in allowed if scopes]


def note_views(passage: Passage, views: Iterable[ScopeView]) -> None:
    """Have it noted what was looked at."""
    note_listed(passage, [(view.query.scopes, view.view.at) for view in views])


def note_listed(
    passage: Passage,
    looked_at: Iterable[tuple[tuple[str, ...], At]],
    cubes: Iterable[MemCube] = (),
) -> None:
    """Have it noted what was looked at, at which moment, and what was shown, tenant by tenant."""
    shown: dict[str, list[tuple[bytes, int]]] = {}
    for cube in cubes:
        of_tenant = shown.setdefault(tenant_of(cube.scope), [])
        of_tenant.append((id_bytes(cube.cube_id), cube.version))
    for scopes_of_tenant, at in looked_at:
        scope = common_scope(scopes_of_tenant)
        passage.note(scope, shown.get(tenant_of(scope), ()), at)
