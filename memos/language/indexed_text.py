"""What of a memory is analysed, and what the index keeps of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from memos.kernel.moment import OPEN
from memos.wire.body_pb2 import Turn

EXTRACTION = "memos extraction"
"""The origin of a fact that was extracted behind the write."""

# Traits of a text, as bits of `Place.traits`.

QUESTION = 1
"""QUESTION: the text ends with a question."""

ASSISTANT = 2
"""ASSISTANT: the text is a turn that an assistant or a tool said."""

DATED = 4
"""DATED: the text has a stated start of validity."""

TIMED = 8
"""TIMED: the text names a time."""

COUNTED = 16
"""COUNTED: the text names a number."""

EXTRACTED = 32
"""EXTRACTED: the text is a fact that was extracted from another memory."""


class Place(NamedTuple):
    """Where a text stands in a conversation; zeros where it is no turn of one.

    `session` and `speaker` are keyed hashes (signed 64-bit), `number` orders the turns of a
    session, `traits` is a set of the bits QUESTION to EXTRACTED.
    """

    session: int = 0
    number: int = 0
    speaker: int = 0
    traits: int = 0


NO_PLACE = Place()


class Validity(NamedTuple):
    """From when to when a text holds in the world: microseconds since 1970, the end exclusive.

    A text without a stated start holds from the time at which it was learned; one without a stated
    end holds without end.
    """

    start: int = 0
    end: int = OPEN


# What a text asks for from then on, as bits; kept as terms that are only matched.

INSTRUCTS = 1
"""INSTRUCTS: it tells the assistant what to do always, or never."""

PREFERS = 2
"""PREFERS: it says what its author prefers or dislikes."""

FURTHER = -(2**63)
"""Stands among a text's terms, with frequency 0, before those that releases up to 0.1 did not give.

A text that such a release indexed has none of them: it is found by what stands before, as it was
then, and an audit asks no more of it. `memos rebuild` indexes it anew.
"""


class IndexedText(NamedTuple):
    """What the index keeps of one text.

    `terms` maps a term hash (signed 64-bit) to its frequency; terms that are only matched and never
    ranked, such as tags, have frequency 0. `length` is the text's length in ranked tokens.
    """

    terms: Mapping[int, int]
    length: int
    place: Place = NO_PLACE
    validity: Validity = Validity()


class Readable(NamedTuple):
    """What the index is made of: the opened parts of a memory that can be searched."""

    text: str
    tags: list[str]
    turn: Turn | None
    valid_from: int | None
    valid_until: int | None
    learned: int
    origin: str = ""
