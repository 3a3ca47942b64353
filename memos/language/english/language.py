"""English as `Language`: the face of this room, and all of it that others import.

What reads texts and queries is imported when it is asked for at first: its expressions take a fifth of the
time in which a command starts that only shows what is there.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import cached_property

from memos.language.english.stop_words import STOP_WORDS, TURNING_WORDS
from memos.language.port import Claim, Language, Request, Slot, Window


class English:
    """See `Language`, which says what each of these is."""

    stemmer = "english"
    """Porter's second: the Snowball stemmer of English."""

    stop_words = STOP_WORDS
    clitics = ("s", "t", "d", "m", "ll", "re", "ve")
    turning_words = TURNING_WORDS

    @cached_property
    def abandoned_attributes(self) -> frozenset[str]:
        from memos.language.english.slot_words import ABANDONED_ATTRIBUTES

        return ABANDONED_ATTRIBUTES

    @cached_property
    def request(self) -> Callable[[str], Request]:
        from memos.language.english.requests import request

        return request

    @cached_property
    def standing(self) -> Callable[[str], int]:
        from memos.language.english.standing import standing

        return standing

    @cached_property
    def traits(self) -> Callable[[str], int]:
        from memos.language.english.traits import traits

        return traits

    @cached_property
    def day_words(self) -> Callable[[date], str]:
        from memos.language.english.calendar import day_words

        return day_words

    @cached_property
    def question_kind(self) -> Callable[[str], str]:
        from memos.language.english.question_kinds import question_kind

        return question_kind

    @cached_property
    def windows(self) -> Callable[[str, int], tuple[Window, ...]]:
        from memos.language.english.windows import windows

        return windows

    @cached_property
    def first_person(self) -> Callable[[str, Callable[[str], bool]], str]:
        from memos.language.english.first_person import first_person

        return first_person

    @cached_property
    def claims(self) -> Callable[[str, str], list[Claim]]:
        from memos.language.english.slots import claims

        return claims

    @cached_property
    def subject_of(self) -> Callable[[str], str]:
        from memos.language.english.slot_phrases import subject_of

        return subject_of

    @cached_property
    def asked_slot(self) -> Callable[[str], Slot | None]:
        from memos.language.english.slot_questions import asked_slot

        return asked_slot

    @cached_property
    def sentence_of(self) -> Callable[[Claim], str]:
        from memos.language.english.slots import sentence_of

        return sentence_of


ENGLISH: Language = English()
