"""How likely a row is to be about what is asked: a score of a list says only what is better.

A logistic curve over what compares from one query to the next: how much of the query's words a row
has, weighted by how much they tell, how near it is in meaning, whether it is by whom the query names,
and whether another says more of it than they do. The curves stand in `models`, and were fitted to the
best hits of development conversations: docs/retrieval.md says how well that tells nothing from something.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, Mask
from memos.operation.search.bm25 import TermScores, idf
from memos.operation.search.calibration import Curve

Floats = npt.NDArray[np.float64]


_LEAST_LEAD = -0.2
"""By how much less others say, at most, counts for whom the query names."""


def coverage(
    terms: Sequence[TermScores], count: float, rows: Ints, *, alone: bool = False
) -> Floats:
    """What part of a query's words each of some rows has, or what stands around it: 0 to 1.

    Args:
        terms: the scored terms of the query.
        count: how many texts there are; a word that none has tells most. A query of no other word
            than the names of speakers is covered by all.
        rows: which rows.
        alone: without what stands around it.
    """
    covered, whole = np.zeros(len(rows)), 0.0
    for scored in terms:
        counts = scored.term.qtf * scored.term.weight
        weight = counts * (scored.idf if scored.df else idf(count, 0))
        whole += weight
        if scored.df:
            match = scored.own if alone else scored.lent
            covered += weight * np.minimum(1.0, match[rows] / (counts * scored.idf))
    return covered / whole if whole else np.ones(len(rows))


def lead_of_others(terms: Sequence[TermScores], count: float, by_named: Mask, asks: Mask) -> float:
    """What part of a query's words the best text of another has more than the best of the speaker whom
    it names: what one told is often asked of the other. Who asks for it (`asks`) has not told it.
    """
    own = coverage(terms, count, np.arange(len(by_named)), alone=True)
    lead = float(own[~by_named & ~asks].max(initial=0.0)) - float(own[by_named].max(initial=0.0))
    return max(lead, _LEAST_LEAD)


def relevance(
    curve: Curve,
    covered: Floats,
    near: Floats | None,
    by_named: Mask | None,
    lead: float = 0.0,
) -> Floats:
    """How likely rows are to be about what is asked: 0 to 1.

    Args:
        curve: how the others are weighed.
        covered: see `coverage`.
        near: how near each is in meaning; None where that is not known.
        by_named: whether each is by the one speaker whom the query names; None where it names none.
        lead: see `lead_of_others`.
    """
    sum_ = curve.base + curve.coverage * covered
    if near is not None:
        sum_ = sum_ + curve.nearness * near
    if by_named is not None:
        sum_ = sum_ + curve.speaker * np.where(by_named, 1.0, -1.0) + curve.others * lead
    likely: Floats = 1 / (1 + np.exp(-sum_))
    return likely
