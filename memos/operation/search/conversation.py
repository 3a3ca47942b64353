"""What stands around a turn: its neighbours in the session, and the question that it answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from memos.infrastructure.index.port import Ints, View
from memos.language.indexed_text import QUESTION

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Neighbours:
    """For each row of a view, the rows around it; `len(view)` stands for none.

    `session` numbers the sessions from 0; rows that are no turn share number -1. `answers` is the
    row before, where that is another speaker's question.
    """

    before: Ints
    before_that: Ints
    after: Ints
    after_that: Ints
    answers: Ints
    session: Ints
    sessions: int


def neighbours_of(view: View) -> Neighbours | None:
    """The neighbours of every row; None where nothing in the view is a turn."""
    turns = np.flatnonzero(view.session)
    if not len(turns):
        return None
    order = turns[np.lexsort((view.opened[turns], view.number[turns], view.session[turns]))]
    keys = view.session[order]
    distinct, session_of = np.unique(keys, return_inverse=True)
    session = np.full(len(view), -1)
    session[order] = session_of
    before = _shifted(view, order, keys, 1)
    asks = np.append((view.traits & QUESTION) != 0, False)
    speakers = np.append(view.speaker, 0)
    replies = asks[before] & (speakers[before] != view.speaker)
    return Neighbours(
        before,
        _shifted(view, order, keys, 2),
        _shifted(view, order, keys, -1),
        _shifted(view, order, keys, -2),
        np.where(replies, before, len(view)),
        session,
        len(distinct),
    )


def _shifted(view: View, order: Ints, keys: Ints, by: int) -> Ints:
    """For each row the one `by` turns earlier in its session (later where negative)."""
    none = len(view)
    shifted = np.full(none, none)
    if abs(by) >= len(order):
        return shifted
    here, there = (order[by:], order[:-by]) if by > 0 else (order[:by], order[-by:])
    same = (keys[by:] == keys[:-by]) if by > 0 else (keys[:by] == keys[-by:])
    shifted[here[same]] = there[same]
    return shifted


def spread(
    matches: Floats, neighbours: Neighbours, near: Floats, far: Floats, reply: Floats
) -> Floats:
    """A term's match of each row, or the best that its surroundings lend it.

    The maximum is taken term by term, so a neighbour helps with the words that a turn lacks and
    never counts twice for those that it has.

    Args:
        matches: the term's match of each row.
        neighbours: of every row.
        near: for each row, what it takes over from one turn away.
        far: the same, from two turns away.
        reply: the same, from the question that it answers.
    """
    padded = np.append(matches, 0.0)
    lent = near * np.maximum(padded[neighbours.before], padded[neighbours.after])
    lent = np.maximum(
        lent, far * np.maximum(padded[neighbours.before_that], padded[neighbours.after_that])
    )
    lent = np.maximum(lent, reply * padded[neighbours.answers])
    best: Floats = np.maximum(matches, lent)
    return best
