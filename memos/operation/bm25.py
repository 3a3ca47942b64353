"""BM25 over a view of the index.

Okapi BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with the idf of
Lucene, ln(1 + (N - df + 0.5) / (df + 0.5)), which is never negative. N, df and the average length
are those of the view's rows alone, so a score tells of nothing that the view does not show. Terms
are summed in query order in float64, so equal inputs give equal bits; ties go to the older text.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, View
from memos.operation.analysis import QueryTerm

K1 = 1.2
B = 0.75

Floats = npt.NDArray[np.float64]


class TermMatches(NamedTuple):
    """What one query term found: rows, ascending, and what it adds to the score of each."""

    term: QueryTerm
    df: int
    idf: float
    rows: Ints
    tf: npt.NDArray[np.uint16]
    contribution: Floats


class TermContribution(NamedTuple):
    """What one query term gave one row."""

    surface: str
    tf: int
    df: int
    idf: float
    contribution: float


@dataclass(frozen=True)
class Ranking:
    """All rows that hold a query term, best first: `scores[i]` is the score of `rows[i]`."""

    rows: Ints
    scores: Floats
    terms: Sequence[TermMatches]

    def __len__(self) -> int:
        return len(self.rows)

    def explain(self, row: int) -> list[TermContribution]:
        """What each query term that the row holds gave it; the contributions sum to its score."""
        given = []
        for matches in self.terms:
            at = int(np.searchsorted(matches.rows, row))
            if at < len(matches.rows) and matches.rows[at] == row:
                tf, contribution = int(matches.tf[at]), float(matches.contribution[at])
                given.append(
                    TermContribution(
                        matches.term.surface, tf, matches.df, matches.idf, contribution
                    )
                )
        return given


def rank(view: View, query: Sequence[QueryTerm]) -> Ranking:
    """Rank the rows of `view` that hold at least one term of `query`."""
    scores = np.zeros(len(view))
    found = np.zeros(len(view), np.bool_)
    norm = _length_norm(view)
    terms = []
    for term in query:
        matches = _match(view, term, norm)
        scores[matches.rows] += matches.contribution
        found[matches.rows] = True
        terms.append(matches)
    rows = np.flatnonzero(found)
    # Equals in log order: row numbers depend on which scopes the index saw first, and a rebuild
    # does not see those that were erased.
    rows = rows[np.lexsort((view.opened[rows], -scores[rows]))]
    return Ranking(rows, scores[rows], terms)


def _length_norm(view: View) -> Floats:
    """k1 · (1 - b + b · length / average length) of each row."""
    total = int(view.length.sum(dtype=np.int64))
    average = total / len(view) if total else 1.0
    return K1 * (1 - B + B * (view.length / average))


def _match(view: View, term: QueryTerm, norm: Floats) -> TermMatches:
    rows, tf = view.postings(term.term)
    df = len(rows)
    idf = math.log(1 + (len(view) - df + 0.5) / (df + 0.5))
    weight = term.qtf * idf * (K1 + 1)
    contribution = weight * (tf / (tf + norm[rows]))
    return TermMatches(term, df, idf, rows, tf, contribution)
