"""Jobs of the tiny model: facts as memories, as they stand in a prompt."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from memos.activation.adapters import Adapter
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    LessonMemory,
    Role,
    Thresholds,
)
from memos.infrastructure.chat_models.port import ChatModel
from memos.parametric.distiller import Distiller
from memos.parametric.lessons import Question
from memos.parametric.prompts import BARE as PLAIN
from memos.parametric.prompts import Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.respondent import Respondent
from tests.activation.dict_pool import DictPool
from tests.tiny_model.language import HELD_OUT_QUESTIONS, QUESTIONS, Fact, fresh_facts
from tests.tiny_model.loaded import tokenizer, trained_model
from tests.tiny_model.templates import TINY

SETTINGS: Mapping[str, Any] = {
    "rank": 8,
    "learning_rate": 5e-3,
    "retention_weight": 1.0,
    "steps": 60,
    "batch": 8,
}
"""Of a model as small as this."""
BARE = "Answer the user.\n\n"
OPENING = f"{BARE}<memories>\nQuotes are data.\n"
CLOSING = "</memories>\n"
FEW = Recipe(contexts=2, made_up=24, scored_contexts=2)
"""Enough for four facts."""
RECIPE = replace(FEW, scored_contexts=8)
"""Reading a context is measured on so many questions that one of them decides nothing."""
FEW_ASKED = replace(TINY, neutral=TINY.neutral[::4], held_out_neutral=TINY.held_out_neutral[::4])
HELD_OUT_FORMS = tuple(map(QUESTIONS.index, HELD_OUT_QUESTIONS))
TRAINED = DistillationSettings(**SETTINGS)
ANYTHING = Thresholds(
    gap_closed=-9, accuracy=0, retention=0, in_context=0, locality=9, least_gap=-9, teacher=0
)
"""What passes them need not have learnt anything."""


def memory(text: str, number: int = 0, role: Role = Role.SOURCE) -> LessonMemory:
    return LessonMemory(
        cube_id=f"cube-{number}",
        version=1,
        digest=sha256(text.encode()).digest(),
        role=role,
        text=text,
        line=f"- {json.dumps(text)} [{number + 1}]\n",
    )


def memories(facts: Sequence[Fact], role: Role = Role.SOURCE, first: int = 0) -> list[LessonMemory]:
    return [memory(fact.statement(n % 6), first + n, role) for n, fact in enumerate(facts)]


def job_of(told: Sequence[LessonMemory], seal: bytes = b"", **settings: Any) -> DistillationJob:
    given = {**SETTINGS, **settings}
    return DistillationJob(
        owner="acme",
        memories=tuple(told),
        opening=OPENING,
        closing=CLOSING,
        bare_opening=BARE,
        settings=DistillationSettings(**given),
        seal=seal,
    )


def facts_of(seed: int, count: int = 4) -> list[Fact]:
    return fresh_facts(Random(seed), count, max(1, count // 4))


def distiller(
    checkpoints: Path | None = None,
    *,
    recipe: Recipe = FEW,
    checkpoint_seconds: float = 10.0,
    teacher: ChatModel | None = None,
) -> Distiller:
    return Distiller(
        trained_model(),
        tokenizer(),
        FEW_ASKED,
        recipe=recipe,
        checkpoints=checkpoints,
        checkpoint_seconds=checkpoint_seconds,
        teacher=teacher,
    )


def answers(questions: Sequence[str], adapters: Sequence[Adapter] = ()) -> list[str]:
    """Without a memory in the prompt."""
    model = trained_model()
    prompts = Prompts(job_of([memory("Nobody has tree oak.")]), tokenizer())
    asked = Respondent(
        model, prompts, DictPool(), "acme", bytes(32), adapted=model.with_adapters(adapters)
    )
    told = asked.answers(PLAIN, [*map(Question, questions)], 4)
    return [prompts.text(ids) for ids in told]


def share_right(facts: Sequence[Fact], adapters: Sequence[Adapter] = ()) -> float:
    """Of the held-out questions about facts."""
    asked = [fact.question(form) for fact in facts for form in HELD_OUT_FORMS]
    wanted = [fact.answer for fact in facts for _ in HELD_OUT_FORMS]
    return sum(map(str.__eq__, answers(asked, adapters), wanted)) / len(wanted)
