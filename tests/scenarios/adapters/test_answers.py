"""What an adapter holds is answered without its text in the prompt, where it may be and helps."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos import (
    Denied,
    Memory,
    NotFound,
)
from tests.adapting_model import UNKNOWN, LearningModel
from tests.scenarios.adapters.town import HARBOUR, KEEPER, answering, ask, forms
from tests.scenarios.place import Place


def test_what_was_distilled_answers_without_its_text_in_the_prompt(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    assert made.adapter is not None
    assert (made.promoted, made.is_new, made.adapter.is_live) == (True, True, True)
    answer = ask(memory, "What is the harbour named?", scope, model)
    assert answer.text == HARBOUR
    assert "Quillon" not in model.asked[-1].system + model.asked[-1].messages[-1].content
    assert forms(answer)[cubes[0]] == "parametric"
    assert {came.artefact for came in answer.forms} == {made.cube_id}
    assert cubes[0] in [cite.cube_id for cite in answer.citations]
    plain = ask(memory, "What is the harbour named?", scope, model, adapters=False)
    assert forms(plain)[cubes[0]] == "plaintext"
    assert answering(model) == 0


def test_an_adapter_is_for_those_who_may_read_all_of_it(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    secrets = [
        memory.add(text, scope=scope, readers=["agent:alice"]).cube_id
        for text in ("The vault code is 4711.", "The spy is Ann.")
    ]
    made = memory.distil(secrets, scope=scope, model=model)
    bob = place.open("agent:bob")
    assert bob.adapters(scope) == ()
    for attempt in (
        bob.adapter,
        bob.retire,
        lambda at: bob.promote(at, 2),
        lambda at: bob.rebuild_adapter(at, model=model),
        lambda at: bob.backpatch(at, model=model),
    ):
        with pytest.raises((Denied, NotFound)):
            attempt(made.cube_id)
    assert ask(bob, "What is the vault code?", scope, model).text == UNKNOWN
    assert answering(model) == 0
    own = bob.distil(cubes[:1], scope=scope, model=model)
    assert {each.cube_id for each in own.memories} == set(cubes)


def test_an_adapter_answers_from_no_memory_that_the_question_is_not_about(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    inner = memory.add("The quay is long.", scope=f"{scope}/quay").cube_id
    memory.distil([cubes[0], inner], scope=scope, model=model)
    question = "What is the harbour named? How is the quay?"
    for given in ({"filter": {"scope": scope}}, {"as_of": datetime.now(UTC)}):
        ask(memory, question, scope, model, **given)
        assert answering(model) == 0
    ask(memory, question, f"{scope}/quay", model)
    assert answering(model) == 0
    ask(memory, question, scope, model)
    assert answering(model) == 1


def test_a_conversation_goes_on_over_an_adapter_and_its_end(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    first = ask(memory, "What is the harbour named?", scope, model)
    assert first.context.delta.citations == ()
    messages = [*first.messages, {"role": "user", "content": "When does the bakery open?"}]
    second = memory.chat(messages, scope=scope, model=model, state=first.state)
    assert second.context.changed == ()
    assert forms(second)[cubes[2]] == "plaintext"
    memory.retire(made.cube_id)
    messages = [*second.messages, {"role": "user", "content": "What is the harbour named?"}]
    third = memory.chat(messages, scope=scope, model=model, state=second.state)
    assert third.context.changed == ()
    assert forms(third) == {cubes[2]: "plaintext", cubes[0]: "plaintext"}
    assert HARBOUR in third.text


def test_what_the_model_knows_badly_goes_as_text(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    weak = LearningModel("weak", accuracy=0.5)
    memory.distil(cubes[:1], scope=scope, model=weak, distractors=[])
    assert forms(ask(memory, "The harbour?", scope, weak))[cubes[0]] == "plaintext"
    assert forms(ask(memory, "The harbour?", scope, model))[cubes[0]] == "parametric"


def test_what_the_model_left_out_goes_as_text(memory: Memory, scope: str, cubes: list[str]) -> None:
    model = LearningModel(unlearnt=[KEEPER])
    memory.distil(cubes[:2], scope=scope, model=model)
    answer = ask(memory, "Who is the lighthouse keeper, and what is the harbour?", scope, model)
    assert (forms(answer)[cubes[0]], forms(answer)[cubes[1]]) == ("parametric", "plaintext")
    assert KEEPER in model.asked[-1].messages[-1].content


def test_the_use_of_an_adapter_is_noted(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    ask(memory, "What is the harbour named?", scope, model)
    assert "context" in [each.action for each in memory.accesses(cube_id=made.cube_id)]
    memory.schedule(scope, budget_bytes=100_000, model=model, dry_run=True)


def test_an_adapter_that_somebody_wrote_over_hurts_no_answer(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    place.open("agent:eve").update(made.cube_id, "hello")
    answer = ask(memory, "What is the harbour named?", scope, model)
    assert forms(answer)[cubes[0]] == "plaintext"
    (listed,) = memory.adapters(scope)
    assert listed.outdated == ("no version of it was promoted",)
    memory.promote(made.cube_id, 2)
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR


def test_an_adapter_answers_only_where_it_holds_one_of_the_best_found(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    names = ("Arn", "Bel", "Cor", "Dun", "Elm", "Fen", "Gar", "Hod", "Ilm", "Jor", "Kel", "Lum")
    for number, name in enumerate(names):
        memory.add(
            f"The harbour of {name} is named {name}port{' by the sea' * number}.", scope=scope
        )
    question = "What is the harbour named?"
    found = [hit.cube_id for hit in memory.search(question, scope=scope)]
    memory.distil([found[9]], scope=scope, model=model, distractors=[])
    ask(memory, question, scope, model)
    assert answering(model) == 0
    for cube_id in found[:6]:
        memory.distil([cube_id], scope=scope, model=model, distractors=[])
    answer = ask(memory, question, scope, model)
    assert answering(model) == 4
    came = forms(answer)
    assert [came[cube_id] for cube_id in found[:6]] == ["parametric"] * 4 + ["plaintext"] * 2


def test_an_answer_that_is_remembered_is_derived_from_what_an_adapter_told(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:2], scope=scope, model=model)
    answer = ask(memory, "What is the harbour named?", scope, model, remember=True)
    _, said = answer.remembered
    assert said.cube_id in memory.erase(cube_id=cubes[0]).cube_ids
