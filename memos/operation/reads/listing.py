"""What is there: memories in an order, page by page."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from heapq import merge
from itertools import islice

from memos.infrastructure.index.port import Order
from memos.operation.cube import MemCube
from memos.operation.reads.as_of import resolve
from memos.operation.reads.cursor import Cursor, digest_of_list
from memos.operation.reads.selected import listings_of, note_listed
from memos.operation.search.listing import Listed, Listing
from memos.operation.search.selection import Selection
from memos.operation.session import Session
from memos.operation.validation import check_choice, check_limit


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
        listings = listings_of(session, passage, reader, moment, request.selection, order)
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
