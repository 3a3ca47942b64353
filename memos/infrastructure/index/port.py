"""Index: what search runs on. `tests/conformance/test_index.py` is the contract of every backend.

The index stores no clear text: a term is a 64-bit keyed hash, made by whoever analyses the text.
It keeps every span of visibility of every indexed text, so that a reader can ask for the state at
any moment, and it hands out raw postings instead of scores: statistics must cover exactly what the
caller may read in the searched scope, and only the caller knows that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from memos.kernel.moment import At
from memos.language.indexed_text import IndexedText

if TYPE_CHECKING:  # whoever only writes, or reads one memory, starts without it
    import numpy as np
    import numpy.typing as npt

Ints: TypeAlias = "npt.NDArray[np.int64]"
Mask: TypeAlias = "npt.NDArray[np.bool_]"

MAX_TF = 2**16 - 1
"""Term frequencies saturate here; BM25 is flat long before."""


class SpanChange(NamedTuple):
    """One accepted change of one cube.

    The change closes the cube's open span at `offset` and opens the next one there. `text` is None
    where the text stays as it was (a change of state or header). `is_first` says that the cube has
    no open span, which spares looking for one.
    """

    cube_id: bytes
    scope: str
    offset: int
    version: int
    state: int
    flags: int
    text: IndexedText | None
    is_first: bool = False


class PurgeReport(NamedTuple):
    """What a purge removed: indexed texts, spans of visibility, (term, text) postings, and the
    vectors of texts, of every model.
    """

    docs: int
    spans: int
    postings: int
    vectors: int = 0


Within = str | tuple[str, ...]
"""Where a view looks: in a scope and under it, or in several scopes of one tenant."""


def paths_of(within: Within) -> tuple[str, ...]:
    """The scopes that are meant."""
    return (within,) if isinstance(within, str) else within


class Nearest(NamedTuple):
    """How near texts that a view shows are to some queries: as a whole, and by their best sentence.

    `docs` ascends and is distinct; `texts` and `sentences` have a row a query and a column a doc.
    `complete` says that every embedded text of the view is there; else these are the nearest ones,
    and every other is farther than the farthest of them.

    `exactly` is given where `texts` and `sentences` are estimates: it gives both of some columns, in
    the order asked, exactly.
    """

    docs: Ints
    texts: npt.NDArray[np.float64]
    sentences: npt.NDArray[np.float64]
    complete: bool
    exactly: Callable[[Ints], tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]] | None = None


class Order(StrEnum):
    """In which order memories stand: by when they came to be, the newest or the oldest first, or by
    their last change, the last first.
    """

    NEWEST = "newest"
    OLDEST = "oldest"
    CHANGED = "changed"


class Rows(Protocol):
    """Texts visible at one moment: parallel arrays, one row a text. At most one row stands for a cube."""

    @property
    def at(self) -> At:
        """The moment that is shown; for the newest one, that of the last applied change."""
        ...

    @property
    def doc(self) -> Ints:
        """Ids of the indexed texts, ascending; they grow with age inside a scope."""
        ...

    @property
    def opened(self) -> Ints:
        """Ordinals of the changes that made the rows what they are."""
        ...

    @property
    def closed(self) -> Ints:
        """Ordinals of the changes that ended them; OPEN where none did."""
        ...

    @property
    def version(self) -> npt.NDArray[np.int32]: ...

    @property
    def state(self) -> npt.NDArray[np.uint8]: ...

    @property
    def flags(self) -> npt.NDArray[np.uint8]: ...

    @property
    def length(self) -> npt.NDArray[np.int32]: ...

    @property
    def session(self) -> Ints:
        """See `Place`; 0 for a text that is no turn."""
        ...

    @property
    def number(self) -> Ints: ...

    @property
    def speaker(self) -> Ints: ...

    @property
    def traits(self) -> npt.NDArray[np.uint8]: ...

    @property
    def valid_from(self) -> Ints:
        """See `Validity`."""
        ...

    @property
    def valid_until(self) -> Ints: ...

    def __len__(self) -> int: ...

    def cube_ids(self, rows: npt.NDArray[np.integer]) -> list[bytes]:
        """Cube ids of `rows`, in the order asked."""
        ...


class Piece(NamedTuple):
    """Rows of a scope, and the ordinal that each stands by in an Order."""

    rows: Rows
    place: Ints


class View(Rows, Protocol):
    """The texts visible in some scopes at one moment, by `doc`. A view is immutable; `restrict` narrows
    it before ranking.
    """

    @property
    def created(self) -> Ints:
        """Ordinals of the changes that brought the rows' cubes."""
        ...

    def postings(self, term: int) -> tuple[Ints, npt.NDArray[np.uint16]]:
        """Rows that hold `term`, ascending, and the frequency of the term in each."""
        ...

    def possible(self, terms: Sequence[int]) -> list[int]:
        """Of many terms, in their order, those that a row may hold: `postings` says which do."""
        ...

    def restrict(self, keep: Mask) -> View:
        """The view of the rows where `keep` (one bool a row) is true."""
        ...

    def true_at(self, time: int) -> View:
        """The view without what did not hold in the world at a time (microseconds since 1970).

        A row with a stated start (`DATED`) that is later gives way to the newest earlier text of
        its cube that held, under the row's state and flags; without one it is left out, as is a
        row that had ended.
        """
        ...

    def rows_of(self, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
        """The row of each cube that the view shows; cubes that it does not show are left out."""
        ...

    def scopes(self) -> dict[str, Ints]:
        """The scopes that hold any of the rows, by path, each with its rows, ascending."""
        ...

    def matched_terms(self) -> dict[int, Ints]:
        """The terms that the view's texts hold without being ranked by them, such as tags.

        Returns:
            Term to the rows that hold it, ascending.
        """
        ...


def places(view: View, order: Order) -> Ints:
    """The ordinals that the rows of a view stand by in an order."""
    return view.opened if order is Order.CHANGED else view.created


class IndexReader(Protocol):
    """Reads at any moment of the log. What it shows is the same whatever store keeps it."""

    def view(self, within: Within, at: At | None = None) -> View:
        """What is visible in a scope and under it, or in several of one tenant, at a moment or (None)
        now.
        """
        ...


class Index(IndexReader, Protocol):
    """An index in the vault's own file: it is written inside the caller's transaction."""

    def apply(self, changes: Sequence[SpanChange]) -> None:
        """Write `changes`, ordered by offset, inside the caller's transaction.

        Raises ValueError for offsets that do not grow; Damaged where the index says that it has them
        already, has the cube in another scope, or has no text of it and none is given.
        """
        ...

    def purge(self, cube_ids: Iterable[bytes]) -> PurgeReport:
        """Remove every row of these cubes, at every offset, inside the caller's transaction."""
        ...

    def clear(self) -> None:
        """Remove everything, inside the caller's transaction; a rebuild applies it all again."""
        ...
