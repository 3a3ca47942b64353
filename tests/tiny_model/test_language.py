from __future__ import annotations

from collections import Counter
from pathlib import Path
from random import Random

from memos.activation.tokenizer import FILE
from tests.tiny_model.language import (
    NAMES,
    QUESTIONS,
    STATEMENTS,
    UNKNOWN,
    VALUES,
    WORDS,
    WORLD,
    fresh_facts,
)
from tests.tiny_model.loaded import DIRECTORY, token_ids
from tests.tiny_model.word_tokenizer import write_tokenizer


def test_whatever_is_said_and_asked_is_made_of_words_that_the_model_knows() -> None:
    chance = Random(1)
    for fact in (*WORLD, *(fact for _ in range(50) for fact in fresh_facts(chance, 32, 8))):
        said = [fact.statement(form) for form in range(len(STATEMENTS))]
        asked = [fact.question(form) for form in range(len(QUESTIONS))]
        assert all(WORDS.index(UNKNOWN) not in ids for ids in token_ids([*said, *asked]))
        assert token_ids([fact.answer, fact.name]) == [
            [WORDS.index(fact.answer)],
            [WORDS.index(fact.name.lower())],
        ]


def test_no_word_means_two_things() -> None:
    assert len(set(WORDS)) == len(WORDS)
    assert len(NAMES) == 300
    assert all(len(values) == 24 for values in VALUES.values())


def test_fresh_facts_contradict_neither_each_other_nor_the_world() -> None:
    learnt = {(fact.name, fact.attribute) for fact in WORLD}
    for seed in range(50):
        facts = fresh_facts(Random(seed), 12, 3)
        told = Counter((fact.name, fact.attribute) for fact in facts)
        assert max(told.values()) == 1
        assert learnt.isdisjoint(told)
        assert len({fact.attribute for fact in facts}) <= 3


def test_the_tokenizer_that_is_kept_is_that_of_these_words(tmp_path: Path) -> None:
    write_tokenizer(tmp_path)
    assert (tmp_path / FILE).read_text() == (DIRECTORY / FILE).read_text()
