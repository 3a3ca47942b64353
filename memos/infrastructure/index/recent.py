"""Postings of the docs that are not yet in a block, in memory, built from the docs' own terms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints
from memos.infrastructure.index.postings import NO_POSTINGS, Postings

_LOW = 0xFFFF  # of a term, by which most others are told from it: to look all up would sort them
_LOOSE = 32_768  # postings that may wait unsorted: looking through them takes about 10 µs


class Recent(NamedTuple):
    """A value: most postings sorted by term, the newest loose behind them."""

    settled: Postings = NO_POSTINGS
    loose: Postings = NO_POSTINGS

    def extend(self, new: Postings) -> Recent:
        loose = self.loose.then(new)
        # Sorting everything again is linear in what is there, so it waits for its share of news.
        if len(loose.term) <= max(_LOOSE, len(self.settled.term) // 4):
            return Recent(self.settled, loose)
        return Recent(self.settled.then(loose).by_term())

    def without_docs(self, docs: Ints) -> Recent:
        """The postings of other docs."""
        return Recent(self.settled.without_docs(docs), self.loose.without_docs(docs))

    def only_matched(self) -> Postings:
        """The postings of terms that are matched and never ranked: their frequency is 0."""
        settled, loose = (Postings._make(column[part.tf == 0] for column in part) for part in self)
        return settled.then(loose)

    def find(self, term: int) -> tuple[Ints, npt.NDArray[np.uint16]]:
        """Docs that hold `term`, each once, in no particular order, and their frequencies."""
        low = np.searchsorted(self.settled.term, term)
        high = np.searchsorted(self.settled.term, term, side="right")
        hits = np.flatnonzero(self.loose.term == term)
        return (
            np.concatenate((self.settled.doc[low:high], self.loose.doc[hits])),
            np.concatenate((self.settled.tf[low:high], self.loose.tf[hits])),
        )

    def held(self, terms: Sequence[int]) -> set[int]:
        """Those of some terms that a doc holds."""
        asked = np.array(terms, np.int64)
        places = np.searchsorted(self.settled.term, asked)
        inside = places < len(self.settled.term)
        settled = asked[inside][self.settled.term[places[inside]] == asked[inside]]
        low = np.zeros(_LOW + 1, np.bool_)
        low[asked & _LOW] = True
        likely = self.loose.term[low[self.loose.term & _LOW]]
        return {*settled.tolist(), *set(terms).intersection(likely.tolist())}

    @property
    def nbytes(self) -> int:
        return sum(column.nbytes for part in self for column in part)
