"""A trained model is asked before and after: what was distilled it knows without text, what was erased no more."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import ChatAnswer, Memory
from memos.parametric.local_learner import LocalLearner
from tests.parametric.jobs import RECIPE, TRAINED, facts_of
from tests.tiny_model.language import Fact
from tests.tiny_model.loaded import DIRECTORY
from tests.tiny_model.templates import TINY

SCOPE = "acme/alice"
FACTS = facts_of(1)
BESIDE = facts_of(99)
HELD_OUT = 2
"""A way to ask that no training uses."""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor="agent:alice") as opened:
        yield opened


@pytest.fixture
def model(tmp_path: Path) -> Iterator[LocalLearner]:
    with LocalLearner.load(DIRECTORY, kept_in=tmp_path / "kept") as made:
        made.templates, made.recipe = TINY, RECIPE
        yield made


def ask(memory: Memory, model: LocalLearner, fact: Fact, *, scope: str = SCOPE) -> ChatAnswer:
    asked = [{"role": "user", "content": fact.question(HELD_OUT)}]
    return memory.chat(asked, scope=scope, model=model, max_tokens=4, k=3)


def told(memory: Memory, model: LocalLearner, *, scope: str = SCOPE) -> list[bool]:
    """Of each fact whether it is answered right."""
    return [ask(memory, model, fact, scope=scope).text == fact.answer for fact in FACTS]


def test_what_was_distilled_is_known_and_what_was_erased_is_not(
    memory: Memory, model: LocalLearner
) -> None:
    added = [
        memory.add(fact.statement(number % 6), scope=SCOPE).cube_id
        for number, fact in enumerate((*FACTS, *BESIDE))
    ]
    assert sum(told(memory, model, scope="acme/nobody")) <= 1
    as_text = ask(memory, model, FACTS[0])
    distilled = memory.distil(added[:4], scope=SCOPE, model=model, settings=TRAINED)
    assert distilled.adapter is not None
    assert told(memory, model) == [True] * 4
    answer = ask(memory, model, FACTS[0])
    assert {came.form for came in answer.forms if came.cube_id in added[:4]} == {"parametric"}
    assert FACTS[0].name not in answer.context.delta.text
    assert answer.figures.prompt_tokens is not None
    assert as_text.figures.prompt_tokens is not None
    assert answer.figures.prompt_tokens < as_text.figures.prompt_tokens

    memory.erase(cube_id=added[0])
    assert told(memory, model) == [False, True, True, True]
    assert model.forget_adapters([bytes.fromhex(distilled.adapter.sha256)]) == 0
    assert {came.form for came in ask(memory, model, FACTS[1]).forms} == {"plaintext"}

    rebuilt = memory.rebuild_adapter(distilled.cube_id, model=model)
    assert rebuilt.promoted, rebuilt.evaluation
    assert told(memory, model) == [False, True, True, True]
    assert "parametric" in {came.form for came in ask(memory, model, FACTS[1]).forms}
    written = memory.backpatch(rebuilt.cube_id, model=model).written
    assert [each.text.split()[-1] for each in written] == [fact.answer for fact in FACTS[1:]]
    assert all(each.confidence >= 0.75 for each in written)
