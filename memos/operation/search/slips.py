"""Slips of the pen in a query: a word that nothing holds is looked for as the words beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from memos.infrastructure.index.port import View
from memos.language.analyzer import Analyzer, Other, QueryTerm

SLIP = 0.6
"""What a match is worth of a word that may have been meant."""

MOST_MEANT = 8
"""Words that one may have been meant to be; the rarest of more."""

MOST_MENDED = 4
"""Words of a query that are looked for so; each costs a look at some 500 terms."""

_CODE = re.compile(r"([^\W\d_]+)(\d+)")


class Mended(NamedTuple):
    """The terms of a query; and for each word that nothing holds, what it may have meant to be."""

    terms: list[QueryTerm]
    meant: dict[str, list[str]]


def mend(view: View, analyzer: Analyzer, terms: Sequence[QueryTerm]) -> Mended:
    """Let the words of a query that no row holds be found by those at one slip of the pen; where that
    finds none of them either, by their forms in languages that join endings to words.

    What a caller may not read is no word here: it neither mends a word nor keeps one from being
    mended.
    """
    mended, meant, is_found = list(terms), dict[str, list[str]](), False
    for at, term in enumerate(terms):
        if any(len(view.postings(each)[0]) for each in (term.term, *(o.term for o in term.others))):
            is_found = True
        elif len(meant) < MOST_MENDED:
            mended[at] = _meant(view, term, analyzer.near_terms(term.surface), meant)
    if is_found or meant:
        return Mended(mended, meant)
    codes = _codes(view, analyzer, terms)
    if codes is not None:
        return codes
    tried = [
        _meant(view, term, analyzer.inflected_terms(term.surface), meant)
        for term in terms[:MOST_MENDED]
    ]
    return Mended([*tried, *terms[MOST_MENDED:]], meant)


def _meant(
    view: View, term: QueryTerm, near: Mapping[int, str], meant: dict[str, list[str]]
) -> QueryTerm:
    """A term with those of its near ones that rows hold, which are noted in `meant`."""
    having = [(len(view.postings(each)[0]), each) for each in view.possible(list(near))]
    found = [each for count, each in sorted(having) if count][:MOST_MEANT]
    if not found:
        return term
    meant[term.surface] = [near[each] for each in found]
    return term._replace(others=term.others + tuple(Other(each, SLIP) for each in found))


def _codes(view: View, analyzer: Analyzer, terms: Sequence[QueryTerm]) -> Mended | None:
    """A code of letters and figures, written with a sign between them where a text has none (b-12 and
    B12), or without; None where no row holds it so.
    """
    for at, term in enumerate(terms):
        parted = _CODE.fullmatch(term.surface)
        if parted is not None:
            parts = [_written(analyzer, term, part) for part in parted.groups()]
            letters, figures = (set(view.postings(one.term)[0].tolist()) for one in parts)
            if letters & figures:
                told = {term.surface: [" ".join(parted.groups())]}
                return Mended([*terms[:at], *parts, *terms[at + 1 :]], told)
        if at + 1 < len(terms):
            joined = _written(analyzer, term, term.surface + terms[at + 1].surface)
            if _CODE.fullmatch(joined.surface) and len(view.postings(joined.term)[0]):
                told = {term.surface: [joined.surface]}
                return Mended([*terms[:at], joined, *terms[at + 2 :]], told)
    return None


def _written(analyzer: Analyzer, term: QueryTerm, word: str) -> QueryTerm:
    return term._replace(surface=word, term=analyzer.word_term(word), others=())
