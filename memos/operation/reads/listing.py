"""What is there: memories in an order and page by page, how many, in which scopes, of which subjects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from heapq import merge
from itertools import groupby, islice
from typing import Any

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.index.port import Order
from memos.infrastructure.index.projection import internal_rows
from memos.kernel.cube import Lifecycle
from memos.kernel.event import id_bytes
from memos.kernel.moment import At, Moment
from memos.kernel.scope import common_scope, tenant_of
from memos.operation.cube import MemCube
from memos.operation.gate import Passage
from memos.operation.reads.as_of import AsOf, resolve
from memos.operation.reads.cursor import Cursor, digest_of_list
from memos.operation.reads.scope import (
    SearchRequest,
    analyzer_in,
    check_scopes,
    query_of,
    view_of,
)
from memos.operation.search.filters import compile_filter
from memos.operation.search.listing import Listed, Listing
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session
from memos.operation.validation import check_choice, check_flag, check_limit

AT_ONCE = 500
"""How many memories are read ahead where all are looked at."""


class Page(list[MemCube]):
    """Memories, in the order asked for. `cursor` leads to the page behind it, None where there is none;
    `damaged` names those that it came to and could not read, each with the reason; `not_compared` those
    that it passed over because their values are of another kind than the filter's, a sentence a field.
    """

    def __init__(
        self,
        memories: Iterable[MemCube] = (),
        cursor: str | None = None,
        damaged: Mapping[str, str] | None = None,
        not_compared: tuple[str, ...] = (),
    ) -> None:
        super().__init__(memories)
        self.cursor = cursor
        self.damaged: Mapping[str, str] = damaged or {}
        self.not_compared = not_compared


class Count(int):
    """How many memories there are. `not_compared` tells of those that were passed over because their
    values are of another kind than the filter's, a sentence a field.
    """

    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which memories are meant; `Memory.list` tells what each field means.

    Attributes:
        scopes: those of `scope`, in order; None means every one that the actor may read.

    Raises:
        InvalidInput: a field does not fit.
    """

    scope: str | Iterable[str] | None = None
    filter: Mapping[str, Any] | None = None
    states: frozenset[Lifecycle] | None = None
    as_of: AsOf | None = None
    facts: bool = False
    scopes: tuple[str, ...] | None = field(init=False, compare=False)

    def __post_init__(self) -> None:
        scopes = None if self.scope is None else check_scopes(self.scope)
        object.__setattr__(self, "scopes", scopes)
        compile_filter(self.filter)
        check_flag(self.facts, "facts")

    def views(
        self, session: Session, passage: Passage, reader: Reader, moment: Moment
    ) -> list[ScopeView]:
        """What the actor sees of it at a moment, tenant by tenant.

        Raises:
            Denied: a scope is named that they may not read.
        """
        views = (
            view_of(session, passage, reader, moment, request)
            for request in self._requests(session, passage)
        )
        return [view for view in views if view is not None]

    def listings(
        self, session: Session, passage: Passage, reader: Reader, moment: Moment, order: Order
    ) -> list[Listing]:
        """The same in an order, to be read as far as somebody asks."""
        listings = []
        for request in self._requests(session, passage):
            query = query_of(session, passage, moment, request)
            analyzer = analyzer_in(session, request.scopes[0])
            if analyzer is not None:  # how a memory was used is shown of each
                query = query._replace(counts_uses=True)
                listings.append(Listing(reader, analyzer, query, order))
        return listings

    def _requests(self, session: Session, passage: Passage) -> Iterator[SearchRequest]:
        for scopes in self._by_tenant(session, passage):
            yield SearchRequest(
                scope=scopes, filter=self.filter, states=self.states, facts=self.facts
            )

    def _by_tenant(self, session: Session, passage: Passage) -> list[tuple[str, ...]]:
        if self.scopes is not None:
            for scope in self.scopes:
                passage.require(Action.READ, scope)
            return [tuple(scopes) for _, scopes in groupby(self.scopes, tenant_of)]
        passage.admit()  # each tenant is asked for, and each row is judged
        tenants = session.tenants()
        return [(name,) for name in tenants if passage.allows_scope(Action.READ, name)]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRequest:
    """Which page of a list is wanted; `Memory.list` tells what each field means.

    Raises:
        InvalidInput: a field does not fit.
    """

    selection: Selection
    order: str = Order.NEWEST.value
    limit: int = 100
    cursor: str | None = None

    def __post_init__(self) -> None:
        check_choice(self.order, [each.value for each in Order], "order")
        check_limit(self.limit, "limit")

    @property
    def list_digest(self) -> str:
        """What its cursors tell the list by."""
        of = self.selection
        states = None if of.states is None else {int(state) for state in of.states}
        asked = [of.scopes, of.filter, states, str(of.as_of), of.facts, self.order]
        return digest_of_list({"asked": asked})


def list_memories(session: Session, request: PageRequest) -> Page:
    """See `Memory.list`."""
    order = Order(request.order)
    with session.gate.enter("list") as passage, session.engine.read() as reader:
        moment = resolve(session, passage, reader, request.selection.as_of)
        digest = request.list_digest
        cursor = None if request.cursor is None else Cursor.parse(request.cursor, digest)
        if cursor is not None and cursor.at is not None:
            moment = moment._replace(at=cursor.at)
        listings = request.selection.listings(session, passage, reader, moment, order)
        place = None if cursor is None else cursor.place
        one_more = list(islice(_merged(request, listings, place), request.limit + 1))
        page = one_more[: request.limit]
        looked_at = [(listing.query.scopes, listing.at) for listing in listings]
        note_listed(passage, looked_at, [listed.cube for listed in page])
        more = None
        if len(one_more) > len(page):
            more = str(Cursor(digest, page[-1].place, _moment_of(request, cursor, page[0])))
        damaged = {raw: why for listing in listings for raw, why in listing.damaged.items()}
        cubes = [listed.cube for listed in page]
        return Page(cubes, more, dict(sorted(damaged.items())), _not_compared(listings))


def _merged(
    request: PageRequest, listings: Iterable[Listing], place: int | None
) -> Iterator[Listed]:
    """What listings of several tenants show behind a place, in one order."""
    each = (listing.behind(place, request.limit + 1) for listing in listings)
    return merge(*each, key=lambda listed: listed.place, reverse=request.order != Order.OLDEST)


def _moment_of(request: PageRequest, cursor: Cursor | None, first: Listed) -> int | None:
    """The moment that the pages behind show. By when a memory came to be, it keeps its place whatever
    becomes of it; by its last change, all pages are of the moment of the newest one shown.
    """
    if request.order != Order.CHANGED or request.selection.as_of is not None:
        return None
    return first.place if cursor is None else cursor.at


def _not_compared(listings: Iterable[Listing]) -> tuple[str, ...]:
    """What the filters of listings of several tenants passed over."""
    return tuple(told for listing in listings for told in listing.query.accepts.not_compared)


def count(session: Session, selection: Selection) -> Count:
    """See `Memory.count`."""
    with session.gate.enter("count") as passage, session.engine.read() as reader:
        moment = resolve(session, passage, reader, selection.as_of)
        if selection.filter is None:
            views = selection.views(session, passage, reader, moment)
            note_views(passage, views)
            visible = (view.visible() for view in views)
            return Count(sum(len(rows) - int(internal_rows(rows).sum()) for rows in visible))
        listings = selection.listings(session, passage, reader, moment, Order.NEWEST)
        number = Count(sum(1 for listing in listings for _ in listing.behind(None, AT_ONCE)))
        number.not_compared = _not_compared(listings)
        note_listed(passage, [(listing.query.scopes, listing.at) for listing in listings])
        return number


def scopes(session: Session, prefix: str | None, as_of: AsOf | None) -> dict[str, int]:
    """See `Memory.scopes`."""
    selection = Selection(scope=prefix, as_of=as_of)
    with session.gate.enter("scopes") as passage, session.engine.read() as reader:
        moment = resolve(session, passage, reader, as_of)
        views = selection.views(session, passage, reader, moment)
        note_views(passage, views)
        held = (view.visible().scopes() for view in views)
        return {path: len(rows) for in_tenant in held for path, rows in in_tenant.items()}


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
