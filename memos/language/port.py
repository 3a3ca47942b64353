"""What search needs of a language, and the words in which it answers.

English is the language there is; a second one stands beside it as a room of its own and implements
`Language`. Which one reads is decided in `analyzer.py` alone.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import NamedTuple, Protocol

LONGEST_QUERY = 2_000
"""Characters of a query that are read as a question; what follows counts by its words only."""

SELF = "i"
"""The subject of the first person where no speaker is named, and of `the user`."""

ANY_FAVOURITE = "favourite:"
"""The attribute of a favourite that does not say of what; with a name behind it, of that."""


class Window(NamedTuple):
    """A stretch of time, microseconds since 1970, the end exclusive; `phrase` is what names it."""

    start: int
    end: int
    phrase: str


class Claim(NamedTuple):
    """That a slot is filled, changed or emptied.

    A slot is (subject, attribute, qualifier): `Ana's work phone is 5` fills (ana, phone, work).
    `attribute` is empty where the text does not say what changed. `new` and `old` are the folded
    values where the text tells them; an empty `new` ends what was.
    """

    subject: str
    attribute: str
    qualifier: str = ""
    new: str = ""
    old: str = ""


class Slot(NamedTuple):
    """The slot that a question asks for; `attributes` are the names that its attribute may have."""

    subject: str
    attributes: tuple[str, ...]
    qualifier: str = ""


class Request(NamedTuple):
    """What a query asks of whom.

    Attributes:
        asks_assistant: it asks for what the assistant said.
        recalls: it asks for what was once said or done; what the user wants from then on matters
            for anything else that is asked.
        looks_up: it is a few words to look for, and asks nobody for anything.
        is_task: it gives the assistant something to do; what the user prefers matters for it.
        frame: the words, folded, that say how to answer and not what about.
    """

    asks_assistant: bool = False
    recalls: bool = False
    looks_up: bool = False
    is_task: bool = False
    frame: frozenset[str] = frozenset()


class Language(Protocol):
    """How the texts and queries of one language are read.

    Every answer depends on the arguments alone, and threads may ask at the same time. Words are
    folded as `letters.fold` folds them.
    """

    @property
    def stemmer(self) -> str:
        """The Snowball algorithm that stems its words."""

    @property
    def stop_words(self) -> frozenset[str]:
        """Words that say nothing about a text's subject."""

    @property
    def clitics(self) -> tuple[str, ...]:
        """What hangs on a word behind an apostrophe and is dropped from it."""

    @property
    def turning_words(self) -> frozenset[str]:
        """Those of the stop words that turn a meaning round, such as `not` and `off`."""

    def request(self, query: str) -> Request:
        """What a query asks of whom."""

    def standing(self, text: str) -> int:
        """What a text asks for from then on: INSTRUCTS and PREFERS of `indexed_text`."""

    @property
    def abandoned_attributes(self) -> frozenset[str]:
        """Attributes of which one says `left A for B` without naming them."""

    def traits(self, text: str) -> int:
        """Whether a text speaks of a time or a number: TIMED and COUNTED of `indexed_text`."""

    def day_words(self, day: date) -> str:
        """A day as people write it, `8 May 2023`."""

    def question_kind(self, query: str) -> str:
        """What a query asks for: count, when, where, who, why, how or what; empty where nothing."""

    def windows(self, query: str, now: int) -> tuple[Window, ...]:
        """The stretches of time that a query names, relative to `now` (microseconds since 1970)."""

    def first_person(self, query: str, is_speaker: Callable[[str], bool]) -> str:
        """A query with the names of speakers replaced by the first person."""

    def claims(self, text: str, speaker: str) -> list[Claim]:
        """What a text claims, in its order, each claim once; `speaker` is who says `I`, empty for
        nobody named.
        """

    def subject_of(self, name: str) -> str:
        """What stands for a person of this name in a slot; empty where the name has no word."""

    def asked_slot(self, query: str) -> Slot | None:
        """The slot whose present value a query asks for; None where it asks for anything else."""

    def sentence_of(self, claim: Claim) -> str:
        """A sentence that claims the same; empty where the claim names no value or attribute."""
