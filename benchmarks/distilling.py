"""What the benchmarks of distillation share: facts of the tiny model as memories, and questions to it."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from random import Random
from statistics import fmean
from typing import Any

from safetensors.torch import load

from memos.activation.adapters import Adapter
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    LessonMemory,
    Role,
)
from memos.operation.chat.prompt import opening_of
from memos.operation.reads.context_block import CLOSE
from memos.operation.reads.quote import quote
from memos.parametric.distiller import Distiller, Trained
from memos.parametric.lessons import Question
from memos.parametric.prompts import BARE, Context, Prompts
from memos.parametric.respondent import Respondent
from memos.parametric.right import says
from tests.tiny_model.language import HELD_OUT_QUESTIONS, QUESTIONS, STATEMENTS, Fact, fresh_facts
from tests.tiny_model.loaded import tokenizer, trained_model
from tests.tiny_model.templates import TINY

OWNER, SECRET = "benchmark", bytes(32)
SETTINGS = {"rank": 8, "learning_rate": 5e-3, "retention_weight": 1.0, "steps": 100, "batch": 8}
"""Of the tiny model, beside the defaults."""
HELD_OUT = tuple(map(QUESTIONS.index, HELD_OUT_QUESTIONS))
ANSWER_TOKENS = 4


def distiller() -> Distiller:
    """Of the tiny model and its language."""
    return Distiller(trained_model(), tokenizer(), TINY)


def memories(facts: Sequence[Fact], role: Role = Role.SOURCE, first: int = 0) -> list[LessonMemory]:
    """Facts as they are said in a prompt, in all forms."""
    told = []
    for number, fact in enumerate(facts, first):
        text = fact.statement(number % len(STATEMENTS))
        told.append(
            LessonMemory(
                cube_id=str(number),
                version=1,
                digest=sha256(text.encode()).digest(),
                role=role,
                text=text,
                line=f"- {quote(text)} [{number + 1}]\n",
            )
        )
    return told


def job_of(told: Sequence[LessonMemory], seed: int, **settings: Any) -> DistillationJob:
    """A job with the prompts of serving."""
    return DistillationJob(
        owner=OWNER,
        memories=tuple(told),
        opening=opening_of("", has_memories=True),
        closing=CLOSE,
        bare_opening=opening_of("", has_memories=False),
        settings=DistillationSettings(seed=seed, **{**SETTINGS, **settings}),
    )


def adapter_of(trained: Trained) -> Adapter:
    """As it is served."""
    return Adapter(load(trained.weights), trained.adapter.scale)


def facts_of(seed: int, count: int) -> list[Fact]:
    """Facts with about four of each attribute, so that the name decides."""
    return fresh_facts(Random(seed), count, min(10, max(1, count // 4)))


class Asked:
    """A model with adapters, to be asked as it is served."""

    def __init__(self, adapters: Sequence[Adapter] = ()) -> None:
        self._prompts = Prompts(job_of(memories(facts_of(0, 1)), 0), tokenizer())
        model = trained_model()
        self._respondent = Respondent(
            model,
            self._prompts,
            Pool([MemoryTier("memory", Limits(1 << 28))]),
            OWNER,
            SECRET,
            adapted=model.with_adapters(adapters),
        )

    def accuracy(
        self, facts: Sequence[Fact], context: Context = BARE, forms: Sequence[int] = HELD_OUT
    ) -> float:
        """The share of questions about facts that are answered right."""
        asked = [Question(fact.question(form), fact.answer) for fact in facts for form in forms]
        told = self._respondent.answers(context, asked, ANSWER_TOKENS)
        return fmean(
            says(self._prompts.text(answer), question.value)
            for answer, question in zip(told, asked, strict=True)
        )

    def reading(self, seed: int, blocks: int = 12, facts: int = 8) -> float:
        """The share right of questions on facts that stand in the context, and nowhere else."""
        right = []
        for block in range(blocks):
            told = facts_of(10_000 + 100 * seed + block, facts)
            context = tuple(each.line for each in memories(told))
            right.append(self.accuracy(told, context))
        return fmean(right)
