"""BM25, term by term: what each term of a query gives a text, and a session as a whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import View
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


def idf(count: int, df: int) -> float:
    """How much a term tells that `df` of `count` texts have."""
    return math.log(1 + (count - df + 0.5) / (df + 0.5))


def length_norm(view: View) -> Floats:
    """k1 x (1 - b + b x length / average length) of each row."""
    total = int(view.length.sum(dtype=np.int64))
    average = total / len(view) if total else 1.0
    norm: Floats = K1 * (1 - B + B * (view.length / average))
    return norm


def score_term(
    view: View,
    term: QueryTerm,
    norm: Floats,
    neighbours: Neighbours | None,
    weights: tuple[Floats, Floats, Floats] | None,
) -> TermScores:
    """The match of one term of a query with every row.

    Args:
        view: the rows.
        term: the term.
        norm: of every row, see `length_norm`.
        neighbours: of every row; None where they lend nothing.
        weights: what each row takes over from near, far and the question; see `spread`.
    """
    rows, tf = view.postings(term.term)
    df = len(rows)
    weight = idf(len(view), df)
    own = np.zeros(len(view))
    own[rows] = term.qtf * weight * (K1 + 1) * (tf / (tf + norm[rows]))
    lent = own if neighbours is None or weights is None else spread(own, neighbours, *weights)
    return TermScores(term, df, weight, own, lent)


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
