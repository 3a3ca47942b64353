"""How the tiny model's memories are asked about."""

from __future__ import annotations

from memos.parametric.templates import SlotForm, Templates
from tests.tiny_model.language import (
    HELD_OUT_QUESTIONS,
    NAMES,
    QUESTIONS,
    STATEMENTS,
    VALUES,
    WORLD,
)


def _of_the_parts(sentence: str) -> str:
    return sentence.replace("{name}", "{subject}")


TRAINED_QUESTIONS = tuple(each for each in QUESTIONS if each not in HELD_OUT_QUESTIONS)

TINY = Templates(
    version="tiny 1",
    forms=(
        SlotForm(
            statements=tuple(map(_of_the_parts, STATEMENTS)),
            questions=tuple(map(_of_the_parts, TRAINED_QUESTIONS)),
            held_out=tuple(map(_of_the_parts, HELD_OUT_QUESTIONS)),
        ),
    ),
    seeds=(),
    held_out_seeds=(),
    # Half of what the model knows; the other half shows whether it knows it still.
    neutral=tuple(fact.question(form) for fact in WORLD[::2] for form in (0, 1)),
    held_out_neutral=tuple(fact.question(form) for fact in WORLD[1::2] for form in (2, 3)),
    subjects=NAMES,
    values=VALUES,
)
"""Of the questions that the language holds out none is trained on."""
