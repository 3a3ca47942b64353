"""English as `Language`: the face of this room, and all of it that others import."""

from __future__ import annotations

from memos.language.english.calendar import day_words
from memos.language.english.first_person import first_person
from memos.language.english.question_kinds import question_kind
from memos.language.english.requests import request
from memos.language.english.slot_phrases import subject_of
from memos.language.english.slot_questions import asked_slot
from memos.language.english.slot_words import ABANDONED_ATTRIBUTES
from memos.language.english.slots import claims, sentence_of
from memos.language.english.standing import standing
from memos.language.english.stop_words import STOP_WORDS, TURNING_WORDS
from memos.language.english.traits import traits
from memos.language.english.windows import windows
from memos.language.port import Language


class English:
    """See `Language`, which says what each of these is."""

    stemmer = "english"
    """Porter's second: the Snowball stemmer of English."""

    stop_words = STOP_WORDS
    clitics = ("s", "t", "d", "m", "ll", "re", "ve")
    turning_words = TURNING_WORDS
    abandoned_attributes = ABANDONED_ATTRIBUTES

    request = staticmethod(request)
    standing = staticmethod(standing)
    traits = staticmethod(traits)
    day_words = staticmethod(day_words)
    question_kind = staticmethod(question_kind)
    windows = staticmethod(windows)
    first_person = staticmethod(first_person)
    claims = staticmethod(claims)
    subject_of = staticmethod(subject_of)
    asked_slot = staticmethod(asked_slot)
    sentence_of = staticmethod(sentence_of)


ENGLISH: Language = English()
