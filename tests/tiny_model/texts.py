"""Texts that the tiny model is trained and scored on: facts, then questions with their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

import torch
from torch import Tensor

from memos.activation.tokenizer import TextTokenizer
from tests.tiny_model.language import (
    ATTRIBUTES,
    BEGIN,
    END,
    QUESTIONS,
    STATEMENTS,
    UNKNOWN,
    WORDS,
    WORLD,
    Fact,
    fresh_facts,
)

TOKENS_A_BATCH, TOKENS_A_SENTENCE = 2048, 8
MOST_FACTS = (8, 8, 16, 24, 32, 32)
"""In a text, by stage; at each stage one more form of statements is known, and of questions up to all."""
LAST_STAGE = len(MOST_FACTS) - 1
QUESTIONS_A_TEXT = 16
WORLD_SHARE, CHAT_SHARE, FACTLESS_SHARE = 0.25, 0.25, 0.1
CHAT_FROM_STAGE = 2
NO_TARGET = -100
"""What cross-entropy leaves out."""


class Sentence(NamedTuple):
    """Where a sentence ends in a text, and which name, attribute and value it tells, as token ids."""

    end: int
    name: int
    attribute: int
    value: int


@dataclass
class Text:
    """Facts, then questions with their answers.

    Attributes:
        ids: token ids.
        answers: where the answers stand.
        sentences: of statements, and of questions, whose value is none.
    """

    ids: list[int] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)
    sentences: list[Sentence] = field(default_factory=list)


class Writer:
    """Writes texts at random, in the forms of a stage."""

    def __init__(self, tokenizer: TextTokenizer, chance: Random, stage: int = 0) -> None:
        self.stage = stage
        self._tokenizer = tokenizer
        self._chance = chance
        self._begin = [*tokenizer.control(BEGIN)]
        self._end = [*tokenizer.control(END)]

    def batch(self) -> list[Text]:
        """Texts with as many facts each, of about `TOKENS_A_BATCH` tokens."""
        most = MOST_FACTS[self.stage] if self._chance.random() < 0.5 else 8
        count = self._chance.randint(1, most)
        rows = TOKENS_A_BATCH // (TOKENS_A_SENTENCE * (count + QUESTIONS_A_TEXT))
        return [self._training_text(count) for _ in range(rows)]

    def text(self, facts: Sequence[Fact], asked: Sequence[Fact], *, as_chat: bool = False) -> Text:
        """Facts, then questions about some."""
        text = Text()
        if as_chat:
            text.ids += [*self._begin, *self._ids("system"), *self._noise(8)]
        for fact in facts:
            form = self._chance.randrange(min(self.stage + 1, len(STATEMENTS)))
            text.ids += self._ids(fact.statement(form))
            text.sentences.append(self._sentence(text, fact, self._ids(fact.answer)[0]))
            if as_chat:
                text.ids += self._noise(3)
        if as_chat:
            text.ids += self._end
        for fact in asked:
            form = self._chance.randrange(min(self.stage + 1, len(QUESTIONS)))
            self._ask(text, fact, form, as_chat)
        return text

    def _training_text(self, count: int) -> Text:
        attributes = self._chance.randint(1, min(len(ATTRIBUTES), count))
        facts = fresh_facts(self._chance, count, attributes)
        if self._chance.random() < FACTLESS_SHARE:
            facts = []
        world_share = WORLD_SHARE if facts else 1.0
        asked = [
            self._chance.choice(WORLD if self._chance.random() < world_share else facts)
            for _ in range(QUESTIONS_A_TEXT)
        ]
        as_chat = self.stage >= CHAT_FROM_STAGE and self._chance.random() < CHAT_SHARE
        return self.text(facts, asked, as_chat=as_chat)

    def _ask(self, text: Text, fact: Fact, form: int, as_chat: bool) -> None:
        if as_chat:
            text.ids += [*self._begin, *self._ids("user"), *self._ids(fact.question(form))]
            text.ids += [*self._end, *self._begin, *self._ids("assistant")]
        else:
            text.ids += self._ids(fact.question(form))
        text.sentences.append(self._sentence(text, fact, NO_TARGET))
        text.answers.append(len(text.ids))
        text.ids += [*self._ids(fact.answer), *self._end]

    def _sentence(self, text: Text, fact: Fact, value: int) -> Sentence:
        (name,), (attribute,) = self._ids(fact.name), self._ids(fact.attribute)
        return Sentence(len(text.ids) - 1, name, attribute, value)

    def _noise(self, most: int) -> list[int]:
        """What stands in a chat besides facts is unknown words."""
        return [WORDS.index(UNKNOWN)] * self._chance.randint(0, most)

    def _ids(self, text: str) -> list[int]:
        return self._tokenizer.literal(text)


def padded(texts: Sequence[Text]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids (texts, longest); which of them are answers, and which are padding behind a text."""
    shape = (len(texts), max(len(text.ids) for text in texts))
    ids = torch.zeros(shape, dtype=torch.int64)
    answers, padding = torch.zeros(shape, dtype=torch.bool), torch.ones(shape, dtype=torch.bool)
    for row, text in enumerate(texts):
        ids[row, : len(text.ids)] = torch.tensor(text.ids)
        answers[row, text.answers] = True
        padding[row, : len(text.ids)] = False
    return ids, answers, padding
