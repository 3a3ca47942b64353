"""Memories of a town, and questions on them to a model that may have learnt some."""

from __future__ import annotations

from typing import Any

from memos import ChatAnswer, Memory
from tests.adapting_model import LearningModel

HARBOUR = "The harbour is named Quillon."
KEEPER = "The lighthouse keeper is Odile."
BAKERY = "The bakery opens at seven."


def ask(
    memory: Memory, question: str, scope: str, model: LearningModel, **given: Any
) -> ChatAnswer:
    asked = [{"role": "user", "content": question}]
    answer = memory.chat(asked, scope=scope, model=model, stream=False, **given)
    assert isinstance(answer, ChatAnswer)
    return answer


def answering(model: LearningModel) -> int:
    """How many adapters were asked last."""
    return len(model.asked[-1].adapters)


def forms(answer: ChatAnswer) -> dict[str, str]:
    return {came.cube_id: came.form for came in answer.forms}
