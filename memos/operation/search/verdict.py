"""What a filter says of a memory: it holds, it does not, or that cannot be told.

Values of two kinds are not compared: a text where a number is asked for is neither more nor less. As
in SQL such a memory does not fit, nor does it fit the opposite (Kleene's logic of three values), and
whoever asked is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple


class Unlike(NamedTuple):
    """A field of which a memory has another kind of value than it is compared with."""

    field: str
    has: str
    compared: str


class Unknown(NamedTuple):
    """It cannot be told, for these fields."""

    fields: frozenset[Unlike]


Verdict = bool | Unknown


def every(verdicts: Iterable[Verdict]) -> Verdict:
    """Whether all hold: one that does not decides it, whatever is unknown of the others."""
    unknown: set[Unlike] = set()
    for verdict in verdicts:
        if isinstance(verdict, Unknown):
            unknown |= verdict.fields
        elif not verdict:
            return False
    return Unknown(frozenset(unknown)) if unknown else True


def some(verdicts: Iterable[Verdict]) -> Verdict:
    """Whether one holds: one that does decides it, whatever is unknown of the others."""
    return negated(every(map(negated, verdicts)))


def negated(verdict: Verdict) -> Verdict:
    """The opposite; of what is unknown that is unknown, too."""
    return verdict if isinstance(verdict, Unknown) else not verdict
