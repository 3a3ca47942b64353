"""BM25, term by term: what each term of a query gives a text, and a session as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Mask, View
from memos.language.analyzer import QueryTerm
from memos.operation.search.conversation import Neighbours, spread

K1 = 1.2
B = 0.75

Floats = npt.NDArray[np.float64]


class TermScores(NamedTuple):
    """What one query term gave: its own match and what context made of it, for every row."""

    term: QueryTerm
    df: int
    idf: float
    own: Floats
    lent: Floats


class Collection(NamedTuple):
    """What a view as a whole tells of its rows.

    Attributes:
        norm: k1 x (1 - b + b x length / average length) of each row; the average is that of its
            kind, for what an assistant says is longer than what it is asked.
        share: how much each row counts as a text that has a term, or has not.
        texts: the sum of the shares.
    """

    norm: Floats
    share: Floats
    texts: float


def collection_of(view: View, long_winded: Mask, share: float = 1.0) -> Collection:
    """The statistics of a view.

    Args:
        view: the rows.
        long_winded: which of them are the turns of an assistant.
        share: how much such a turn counts beside any other.
    """
    average = average_length(view, long_winded)
    shares = np.where(long_winded, share, 1.0)
    if not shares.sum() or long_winded.all():
        shares = np.ones(len(view))
    norm: Floats = K1 * (1 - B + B * (view.length / average))
    return Collection(norm, shares, float(shares.sum()))


def average_length(view: View, long_winded: Mask) -> Floats:
    """For each row the average length of its kind; 1 where all are empty."""
    average = np.ones(len(view))
    for rows in (long_winded, ~long_winded):
        total = int(view.length[rows].sum(dtype=np.int64))
        average[rows] = total / np.count_nonzero(rows) if total else 1.0
    return average


def idf(count: float, df: float) -> float:
    """How much a term tells that `df` of `count` texts have."""
    return math.log(1 + (count - df + 0.5) / (df + 0.5))


def score_term(
    view: View,
    term: QueryTerm,
    collection: Collection,
    neighbours: Neighbours | None,
    weights: tuple[Floats, Floats, Floats] | None,
) -> TermScores:
    """The match of one term of a query with every row: its own, or that of another spelling.

    Args:
        view: the rows.
        term: the term.
        collection: what the view as a whole tells.
        neighbours: of every row; None where they lend nothing.
        weights: what each row takes over from near, far and the question; see `spread`.
    """
    own, df, weight = _match(view, term.term, term.qtf * term.weight, collection)
    for other in term.others:
        match, its_df, its_weight = _match(
            view, other.term, term.qtf * term.weight * other.worth, collection
        )
        if its_df:
            own = np.maximum(own, match)
            weight = weight if df else its_weight
            df = max(df, its_df)
    lent = own if neighbours is None or weights is None else spread(own, neighbours, *weights)
    return TermScores(term, df, weight, own, lent)


def _match(
    view: View, term: int, counts: float, collection: Collection
) -> tuple[Floats, int, float]:
    """What a term gives every row, how many rows have it, and its idf."""
    rows, tf = view.postings(term)
    weight = idf(collection.texts, float(collection.share[rows].sum()))
    own = np.zeros(len(view))
    own[rows] = counts * weight * (K1 + 1) * (tf / (tf + collection.norm[rows]))
    return own, len(rows), weight


def session_match(terms: Sequence[TermScores], neighbours: Neighbours) -> Floats:
    """How well each row's session as a whole fits: BM25 over sessions, saturating in the match."""
    turns = neighbours.session >= 0
    numbers = neighbours.session[turns]
    match = np.zeros(neighbours.sessions)
    for scored in terms:
        per_session = np.bincount(numbers, scored.own[turns], minlength=neighbours.sessions)
        df = int(np.count_nonzero(per_session))
        if df and scored.idf:
            mass = per_session / scored.idf
            match += idf(neighbours.sessions, df) * 2 * mass / (mass + 2)
    sessions = np.zeros(len(neighbours.session))
    sessions[turns] = match[numbers]
    return sessions
