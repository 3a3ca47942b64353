"""How memories of a language are asked about: patterns of what is said, and questions to it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from memos.language.sentences import split_sentences

_ENDS = ".! "
_LONGEST = {"subject": 4, "attribute": 4, "value": 6}
"""Words: a longer part is more than the part that it is taken for."""
_LONGEST_SENTENCE = 200
"""Characters: no longer one has parts as short, and a pattern may not take long."""
_JOINTS = re.compile(r"[,;:]\s|\b(?:and|but|because|who|which|that)\b", re.IGNORECASE)
"""What a part has that is several."""


class Fact(NamedTuple):
    """That an attribute of a subject is a value, as a memory words it."""

    subject: str
    attribute: str
    value: str

    @property
    def slot(self) -> tuple[str, str]:
        """What can have one value only: two facts of one slot contradict each other."""
        return _folded(self.subject), _folded(self.attribute)


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotForm:
    """Statements that are asked about alike.

    Attributes:
        statements: with {subject}, {attribute} and {value}; what a form does not name, it has one of.
        questions: to train on; with {subject} and {attribute}.
        held_out: to score with, and never trained on.
        subject, attribute: of statements that do not name them.
        is_many: whether a subject may have several values of it, none of which contradicts another.
        answer: to any question, with {sentence}, a statement as a memory words it.
    """

    statements: tuple[str, ...]
    questions: tuple[str, ...]
    held_out: tuple[str, ...]
    subject: str = ""
    attribute: str = ""
    is_many: bool = False
    answer: str = "{sentence}"

    def read(self, sentence: str) -> Fact | None:
        """The fact that a sentence states in this form, if it does."""
        said = sentence.strip().rstrip(_ENDS).replace("’", "'")
        if len(said) > _LONGEST_SENTENCE:
            return None
        for statement in self.statements:
            found = _pattern(statement.rstrip(_ENDS)).fullmatch(said)
            if found and _are_short(told := found.groupdict()):
                return Fact(
                    told.get("subject", self.subject),
                    told.get("attribute", self.attribute),
                    told["value"],
                )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Templates:
    """What is said and asked in a language: data, by which another language is served.

    Attributes:
        version: changes with every change of a text here.
        forms: how facts are stated, the most telling first; one of them names all three parts.
        seeds: prompts that a teacher answers from a memory in its context, with {subject} or {beginning}, the
            first words of the memory; for facts too.
        held_out_seeds: as `seeds`, to score memories with that are no facts.
        neutral: what has nothing to do with memories; the model's own answers must stay.
        held_out_neutral: as `neutral`, to score with, and never trained on.
        subjects: names that nobody has, for facts that are made up.
        values: what attributes they may have.
        abbreviations: what ends with a full stop that is no sentence's end.
        asked_shortly: how a model that talks more than the base is asked a {question}, for an answer as short as
            that which is learnt.
    """

    version: str
    forms: tuple[SlotForm, ...]
    seeds: tuple[str, ...]
    held_out_seeds: tuple[str, ...]
    neutral: tuple[str, ...]
    held_out_neutral: tuple[str, ...]
    subjects: tuple[str, ...]
    values: Mapping[str, tuple[str, ...]]
    abbreviations: tuple[str, ...] = ()
    asked_shortly: str = "{question}"

    def sentences(self, text: str) -> list[str]:
        """What a text says, sentence by sentence."""
        found: list[str] = []
        for piece in split_sentences(text):
            if found and found[-1].endswith(self.abbreviations):
                found[-1] += f" {piece}"
            else:
                found.append(piece)
        return found

    def read(self, sentence: str) -> tuple[Fact, SlotForm] | None:
        """The fact that a sentence states, and in which form."""
        for form in self.forms:
            if fact := form.read(sentence):
                return fact, form
        return None


def _are_short(parts: Mapping[str, str]) -> bool:
    return all(
        len(part.split()) <= _LONGEST[name] and not _JOINTS.search(part)
        for name, part in parts.items()
    )


@cache
def _pattern(statement: str) -> re.Pattern[str]:
    """A statement as what a text must look like."""
    parts = re.split(r"\{(\w+)\}", statement)
    pattern = "".join(
        rf"(?P<{part}>.+?)" if number % 2 else re.escape(part) for number, part in enumerate(parts)
    )
    return re.compile(pattern, re.IGNORECASE)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
