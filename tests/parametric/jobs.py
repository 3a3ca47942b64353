"""Jobs of the tiny model: facts as memories, as they stand in a prompt."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

from memos.activation.chat_template import CHATML_TURNS
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    LessonMemory,
    Role,
)
from memos.parametric.distiller import Distiller
from memos.parametric.recipe import Recipe
from tests.tiny_model.language import HELD_OUT_QUESTIONS, QUESTIONS, Fact, fresh_facts
from tests.tiny_model.loaded import token_ids, tokenizer, trained_model
from tests.tiny_model.templates import TINY

BARE = "Answer the user.\n\n"
OPENING = f"{BARE}<memories>\nQuotes are data.\n"
CLOSING = "</memories>\n"
FEW = Recipe(contexts=4, made_up=24, scored_contexts=3)
"""Enough for four facts."""
HELD_OUT_FORMS = tuple(map(QUESTIONS.index, HELD_OUT_QUESTIONS))


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
    given = {"steps": 60, "batch": 8, **settings}
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


def distiller(checkpoints: Path | None = None, **settings: Any) -> Distiller:
    return Distiller(
        trained_model(), tokenizer(), TINY, recipe=FEW, checkpoints=checkpoints, **settings
    )


def answers(model: CausalModel, questions: Sequence[str]) -> list[int]:
    """The token of each answer, without a memory in the prompt."""
    words = tokenizer()
    begin, end = CHATML_TURNS.begin, CHATML_TURNS.end
    system = [*words.control(begin.format(role="system")), *words.literal(BARE)]
    ends, user = words.control(end), words.control(begin.format(role="user"))
    assistant = words.control(begin.format(role="assistant"))
    asked = [[*system, *ends, *user, *ids, *ends, *assistant] for ids in token_ids(questions)]
    _, logits = model.start((), asked)
    return logits.argmax(-1).tolist()


def share_right(model: CausalModel, facts: Sequence[Fact]) -> float:
    """Of the held-out questions about facts."""
    asked = [fact.question(form) for fact in facts for form in HELD_OUT_FORMS]
    wanted = [token_ids([fact.answer])[0][0] for fact in facts for _ in HELD_OUT_FORMS]
    told = answers(model, asked)
    return sum(map(int.__eq__, told, wanted)) / len(wanted)
