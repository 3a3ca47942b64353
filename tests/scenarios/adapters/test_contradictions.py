"""Of memories that contradict each other a model never reads the older alone, while an adapter has the newer."""

from __future__ import annotations

import pytest

from memos import Memory
from tests.adapting_model import LearningModel
from tests.scenarios.adapters.town import HARBOUR, answering, ask, forms
from tests.scenarios.conftest import LONG_ON_SERVERS

pytestmark = pytest.mark.parametrize("place", LONG_ON_SERVERS, indirect=True)

OLD, NEW = "The mayor of Pell is Ann.", "The mayor of Pell is Ben."
QUESTION = "Who is the mayor of Pell?"


def read_as_text(model: LearningModel) -> str:
    return model.asked[-1].messages[-1].content


def test_what_an_adapter_left_for_a_later_memory_is_read_beside_that(
    memory: Memory, scope: str
) -> None:
    old = memory.add("Ann serves Pell as mayor.", scope=scope).cube_id
    new = memory.add("For mayor, Pell chose Ben.", scope=scope).cube_id
    other = memory.add(HARBOUR, scope=scope).cube_id
    model = LearningModel(unlearnt=["Ann serves Pell as mayor."])
    memory.distil([old, new, other], scope=scope, model=model)
    answer = ask(memory, f"{QUESTION} What is the harbour named?", scope, model)
    assert forms(answer) == {old: "plaintext", new: "plaintext", other: "parametric"}
    assert "Ben" in read_as_text(model)
    assert "Quillon" not in read_as_text(model)


def test_what_supersedes_a_memory_is_read_beside_it(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    old = memory.add("Ann was voted mayor of Pell.", scope=scope).cube_id
    new = memory.add("It is Ben who leads Pell.", scope=scope).cube_id
    memory.link(new, old, "supersedes")
    made = memory.learn(scope, model=model, budget_bytes=10**6, policy="lasting")
    assert made.held == 1
    answer = ask(memory, "Who leads Pell as mayor?", scope, model)
    assert forms(answer) == {old: "plaintext", new: "plaintext"}
    assert answering(model) == 0


def test_what_tells_of_the_same_otherwise_is_read_beside_it(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    old = memory.add(OLD, scope=scope).cube_id
    new = memory.add(NEW, scope=scope).cube_id
    memory.distil([new], scope=scope, model=model, distractors=[])
    assert forms(ask(memory, QUESTION, scope, model)) == {old: "plaintext", new: "plaintext"}
    memory.archive(old)
    assert forms(ask(memory, QUESTION, scope, model)) == {new: "parametric"}


def test_two_adapters_do_not_answer_from_what_contradicts_each_other(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    old = memory.add(OLD, scope=scope).cube_id
    memory.distil([old], scope=scope, model=model, distractors=[])
    new = memory.add(NEW, scope=scope).cube_id
    memory.distil([new], scope=scope, model=model, distractors=[])
    assert forms(ask(memory, QUESTION, scope, model)) == {old: "plaintext", new: "plaintext"}
    assert answering(model) == 0


def test_what_was_read_in_an_earlier_turn_is_not_contradicted_from_elsewhere(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    old = memory.add(OLD, scope=scope).cube_id
    first = ask(memory, QUESTION, scope, model)
    assert forms(first) == {old: "plaintext"}
    new = memory.add(NEW, scope=scope).cube_id
    memory.distil([new], scope=scope, model=model, distractors=[])
    messages = [*first.messages, {"role": "user", "content": QUESTION}]
    second = memory.chat(messages, scope=scope, model=model, state=first.state)
    assert forms(second)[new] == "plaintext"


def test_what_tells_of_something_else_in_like_words_hinders_no_adapter(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    pell = memory.add(NEW, scope=scope).cube_id
    rill = memory.add("The mayor of Rill is Cid.", scope=scope).cube_id
    memory.distil([pell], scope=scope, model=model, distractors=[])
    came = forms(ask(memory, QUESTION, scope, model))
    assert came == {pell: "parametric", rill: "plaintext"}
