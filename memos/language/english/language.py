"""English as `Language`: the face of this room, and all of it that others import.

What reads queries and slots is imported where it is asked for: its expressions take a fifth of the time in
which a command starts that only shows what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from memos.language.english.stop_words import STOP_WORDS, TURNING_WORDS
from memos.language.port import Claim, Language, Request, Slot, Window


class English:
    """See `Language`, which says what each of these is."""

    stemmer = "english"
    """Porter's second: the Snowball stemmer of English."""

    stop_words = STOP_WORDS
    clitics = ("s", "t", "d", "m", "ll", "re", "ve")
    turning_words = TURNING_WORDS

    @property
    def abandoned_attributes(self) -> frozenset[str]:
        from memos.language.english.slot_words import ABANDONED_ATTRIBUTES

        return ABANDONED_ATTRIBUTES

    def request(self, query: str) -> Request:
        from memos.language.english.requests import request

        return request(query)

    def standing(self, text: str) -> int:
        from memos.language.english.standing import standing

        return standing(text)

    def traits(self, text: str) -> int:
        from memos.language.english.traits import traits

        return traits(text)

    def day_words(self, day: date) -> str:
        from memos.language.english.calendar import day_words

        return day_words(day)

    def question_kind(self, query: str) -> str:
        from memos.language.english.question_kinds import question_kind

        return question_kind(query)

    def windows(self, query: str, now: int) -> tuple[Window, ...]:
        from memos.language.english.windows import windows

        return windows(query, now)

    def first_person(self, query: str, is_speaker: Callable[[str], bool]) -> str:
        from memos.language.english.first_person import first_person

        return first_person(query, is_speaker)

    def claims(self, text: str, speaker: str = "") -> list[Claim]:
        from memos.language.english.slots import claims

        return claims(text, speaker)

    def subject_of(self, name: str) -> str:
        from memos.language.english.slot_phrases import subject_of

        return subject_of(name)

    def asked_slot(self, query: str) -> Slot | None:
        from memos.language.english.slot_questions import asked_slot

        return asked_slot(query)

    def sentence_of(self, claim: Claim) -> str:
        from memos.language.english.slots import sentence_of

        return sentence_of(claim)


ENGLISH: Language = English()
