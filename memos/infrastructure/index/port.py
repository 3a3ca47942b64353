"""Index: what search runs on. `tests/conformance/test_index.py` is the contract of every backend.

The index stores no clear text: a term is a 64-bit keyed hash, made by whoever analyses the text.
It keeps every span of visibility of every indexed text, so that a reader can ask for the state at
any moment, and it hands out raw postings instead of scores: statistics must cover exactly what the
caller may read in the searched scope, and only the caller knows that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from memos.kernel.moment import At
from memos.language.indexed_text import IndexedText

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

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


class Nearest(NamedTuple):
    """How near indexed texts are to some queries: as a whole, and by their best sentence.

    `docs` ascends and is distinct; `texts` and `sentences` have a row a query and a column a doc.
    `complete` says that every embedded text of the view is there; else these are the nearest ones,
    and every other is farther than the farthest of them.
    """

    docs: Ints
    texts: npt.NDArray[np.float64]
    sentences: npt.NDArray[np.float64]
    complete: bool


class View(Protocol):
    """The texts visible in one scope at one moment: parallel arrays, one row a text, by `doc`.

    At most one row stands for a cube. A view is immutable; `restrict` narrows it before ranking.
    """

    @property
    def at(self) -> At:
        """The moment that the view shows; for the newest view, that of the last applied change."""
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

    def postings(self, term: int) -> tuple[Ints, npt.NDArray[np.uint16]]:
        """Rows that hold `term`, ascending, and the frequency of the term in each."""
        ...

    def possible(self, terms: Sequence[int]) -> list[int]:
        """Of many terms, in their order, those that a row may hold: `postings` says which do."""
        ...

    def cube_ids(self, rows: npt.NDArray[np.integer]) -> list[bytes]:
        """Cube ids of `rows`, in the order asked."""
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

    def matched_terms(self) -> dict[int, Ints]:
        """The terms that the view's texts hold without being ranked by them, such as tags.

        Returns:
            Term to the rows that hold it, ascending.
        """
        ...


class IndexReader(Protocol):
    """Reads at any moment of the log. What it shows is the same whatever store keeps it."""

    def view(self, scope: str, at: At | None = None) -> View:
        """What is visible in `scope` and under it, at a moment or (None) now."""
        ...


class Index(IndexReader, Protocol):
    """An index in the vault's own file: it is written inside the caller's transaction."""

    def apply(self, changes: Sequence[SpanChange]) -> None:
        """Write `changes`, ordered by offset, inside the caller's transaction.

        Raises ValueError for offsets that do not grow, for a cube that changes scope and for a
        first change without a text.
        """
        ...

    def purge(self, cube_ids: Iterable[bytes]) -> PurgeReport:
        """Remove every row of these cubes, at every offset, inside the caller's transaction."""
        ...

    def clear(self) -> None:
        """Remove everything, inside the caller's transaction; a rebuild applies it all again."""
        ...
