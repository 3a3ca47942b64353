"""Slips of the pen in a query: a word that nothing holds is looked for as the words beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from memos.infrastructure.index.port import View
from memos.language.analyzer import Analyzer, Other, QueryTerm

SLIP = 0.6
"""What a match is worth of a word that may have been meant."""

MOST_MEANT = 8
"""Words that one may have been meant to be; the rarest of more."""

MOST_MENDED = 4
"""Words of a query that are looked for so; each costs a look at some 500 terms."""


class Mended(NamedTuple):
    """The terms of a query; and for each word that nothing holds, what it may have meant to be."""

    terms: list[QueryTerm]
    meant: dict[str, list[str]]


def mend(view: View, analyzer: Analyzer, terms: Sequence[QueryTerm]) -> Mended:
    """Let the words of a query that no row holds be found by those at one slip of the pen.

    What a caller may not read is no word here: it neither mends a word nor keeps one from being
    mended.
    """
    mended, meant = list(terms), dict[str, list[str]]()
    for at, term in enumerate(terms):
        if len(meant) == MOST_MENDED:
            break
        if any(len(view.postings(each)[0]) for each in (term.term, *(o.term for o in term.others))):
            continue
        near = analyzer.near_terms(term.surface)
        having = [(len(view.postings(each)[0]), each) for each in view.possible(list(near))]
        found = [each for count, each in sorted(having) if count][:MOST_MEANT]
        if found:
            others = tuple(Other(each, SLIP) for each in found)
            mended[at] = term._replace(others=term.others + others)
            meant[term.surface] = [near[each] for each in found]
    return Mended(mended, meant)
