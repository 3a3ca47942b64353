"""A section's text in parts, cut at places that its words choose: an edit moves no cut but its own."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import accumulate
from typing import NamedTuple

from memos.language.blank import is_blank
from memos.language.sentences import sentence_pieces

MAX_TOKENS = 500
"""About how many tokens a memory made of a section has at most; code or a table that has more stays
whole.
"""
_MIN_TOKENS = MAX_TOKENS // 4
"""What is shorter is cut off only where nothing else can be."""

_TOKEN = re.compile(r"[A-Za-z]{1,6}|[0-9]{1,3}|[^\sA-Za-z0-9]")
_WORD = re.compile(r"\S+\s*|\s+")


class NotePiece(NamedTuple):
    """A block of a section with the white space behind it; `is_whole` says that it is not to be cut."""

    text: str
    is_whole: bool = False
    is_code: bool = False


def token_count(text: str) -> int:
    """About how many tokens a text has, rather too many than too few."""
    return sum(1 for _ in _TOKEN.finditer(text))


def parts_of(pieces: Iterable[NotePiece]) -> Iterator[Sequence[NotePiece]]:
    """Pieces in parts of at most about MAX_TOKENS: a longer one is cut between its sentences, a longer
    sentence between its words.

    Of the places where a part may be cut, that one is taken whose next words have the least digest, and
    each half is cut on its own: so a change here leaves the cuts elsewhere where they are.
    """
    units = [unit for piece in pieces for unit in _units(piece)]
    before = [0, *accumulate(token_count(unit.text) for unit in units)]
    digests = [
        sha256(unit.text.strip().encode("utf-8", "surrogatepass")).digest() for unit in units
    ]
    says_nothing = all(is_blank(unit.text) for unit in units)
    ranges = [] if says_nothing else [(0, len(units))]
    while ranges:
        start, end = ranges.pop()
        if before[end] - before[start] <= MAX_TOKENS or end - start == 1:
            yield units[start:end]
            continue
        inner = range(start + 1, end)
        fitting = [
            at
            for at in inner
            if min(before[at] - before[start], before[end] - before[at]) >= _MIN_TOKENS
        ]
        middle = (start + end) // 2  # of equal words one in the middle
        cut = min(fitting or inner, key=lambda at: (digests[at], abs(at - middle)))
        ranges += [(cut, end), (start, cut)]


def _units(piece: NotePiece) -> Iterator[NotePiece]:
    """What is not cut further."""
    if piece.is_whole or token_count(piece.text) <= MAX_TOKENS:
        yield piece
        return
    for sentence in sentence_pieces(piece.text):
        if token_count(sentence) <= MAX_TOKENS:
            yield piece._replace(text=sentence)
        else:
            yield from (piece._replace(text=run) for run in _runs(sentence))


def _runs(sentence: str) -> Iterator[str]:
    """A sentence in runs of words; a word that is longer than a part, in runs of its letters."""
    run, total = "", 0
    for match in _WORD.finditer(sentence):
        for word in _cut(match[0]):
            size = token_count(word)
            if total and total + size > MAX_TOKENS:
                yield run
                run, total = "", 0
            run, total = run + word, total + size
    if run:
        yield run


def _cut(word: str) -> Iterator[str]:
    start = 0
    for number, token in enumerate(_TOKEN.finditer(word), 1):
        if number % MAX_TOKENS == 0:
            yield word[start : token.end()]
            start = token.end()
    if start < len(word):
        yield word[start:]
