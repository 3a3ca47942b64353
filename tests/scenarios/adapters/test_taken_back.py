"""What is taken back, changed or erased is not answered from weights any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from memos import (
    Conflict,
    Held,
    IllegalMove,
    InvalidInput,
    Memory,
    NotFound,
    SourceErased,
)
from tests.adapting_model import UNKNOWN, LearningModel
from tests.scenarios.adapters.town import BAKERY, HARBOUR, KEEPER, answering, ask, forms
from tests.scenarios.place import Place

Change = Callable[[Memory, Place, str], object]


def revised(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.update(cube_id, "The lighthouse keeper is Ravi.")


def archived(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.archive(cube_id)


def erased(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.erase(cube_id=cube_id)


def narrowed(memory: Memory, place: Place, cube_id: str) -> object:
    return memory.set_header(cube_id, readers=["agent:alice"])


def merged(memory: Memory, place: Place, cube_id: str) -> object:
    other = memory.add("The keeper has a dog.", scope=f"{place.tenant}/town").cube_id
    return memory.merge([cube_id, other])


def superseded(memory: Memory, place: Place, cube_id: str) -> object:
    newer = memory.add("The lighthouse keeper is Ravi.", scope=f"{place.tenant}/town").cube_id
    return memory.link(newer, cube_id, "supersedes")


CHANGES = [revised, archived, erased, narrowed, merged, superseded]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_a_source_that_is_not_as_it_was_takes_the_adapter_out_of_use_at_once(
    memory: Memory,
    place: Place,
    scope: str,
    model: LearningModel,
    cubes: list[str],
    change: Change,
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    change(memory, place, cubes[1])
    answer = ask(memory, "What is the harbour named?", scope, model)
    assert HARBOUR in answer.text
    assert forms(answer)[cubes[0]] == "plaintext"
    assert answering(model) == 0
    assert {fact.form for fact in memory.route("harbour", scope=scope).facts} == {"plaintext"}
    if change is not erased:
        (listed,) = memory.adapters(scope)
        assert not listed.is_live
        assert cubes[1] in listed.outdated[0]
        (receipt,) = memory.retire_outdated(scope)
        assert receipt.cube_id == made.cube_id
        assert [each.kind for each in memory.events(cube_id=made.cube_id)][-1] == "Retired"
    assert memory.adapters(scope) == ()
    assert model.files == {}


@pytest.mark.parametrize("role", ["distractor", "replayed"])
def test_so_does_what_it_was_trained_beside(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str], role: str
) -> None:
    if role == "replayed":
        memory.distil(cubes[2:], scope=scope, model=model, distractors=[])
    made = memory.distil(cubes[:2], scope=scope, model=model)
    assert made.memories[2].role == role
    memory.update(cubes[2], "The bakery opens at eight.")
    assert ask(memory, "What is the harbour named?", scope, model).text != HARBOUR


def test_a_poisoned_source_is_rolled_back_with_the_adapter(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    poison = place.open("agent:eve").add("The harbour is named Death.", scope=scope).cube_id
    made = memory.distil([cubes[0], poison], scope=scope, model=model)
    memory.rollback(actor="agent:eve", scope=place.tenant)
    assert memory.adapters(scope) == ()
    (listed,) = memory.adapters(scope, retired=True)
    assert (listed.cube_id, listed.status) == (made.cube_id, "Archived")
    assert "Death" not in ask(memory, "What is the harbour named?", scope, model).text
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert [each.cube_id for each in rebuilt.memories if each.role == "source"] == [cubes[0]]
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR


def test_what_has_outlived_its_lifespan_is_not_answered_from(
    place: Place, scope: str, model: LearningModel
) -> None:
    now = datetime.now(UTC)
    memory = place.open()
    lasting = memory.add(HARBOUR, scope=scope).cube_id
    ending = memory.add(KEEPER, scope=scope, lifespan="1d").cube_id
    until = now + timedelta(hours=1)
    true = memory.add(BAKERY, scope=scope, valid_until=until).cube_id
    for other in (ending, true):
        memory.distil([lasting, other], scope=scope, model=model, distractors=[])
    assert [each.is_live for each in memory.adapters(scope)] == [True, True]
    later = now + timedelta(days=2)
    clock = place.open(clock=lambda: int(later.timestamp() * 1e6))
    assert [each.is_live for each in clock.adapters(scope)] == [False, False]
    assert forms(ask(clock, "What is the harbour named?", scope, model))[lasting] == "plaintext"


def test_an_erase_takes_the_adapter_the_receipt_lists_it_and_no_seal_opens_its_file(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    ask(memory, "Who is the lighthouse keeper?", scope, model)
    (sealed,) = model.asked[-1].adapters
    kept = dict(model.files)
    receipt = memory.erase(cube_id=cubes[1])
    assert set(receipt.cube_ids) == {cubes[1], made.cube_id}
    assert receipt.gone
    named = [artefact.name for artefact in receipt.artefacts if artefact.kind == "adapter"]
    assert [name.partition(" ")[0] for name in named] == [f"{made.cube_id}@2"]
    assert receipt.verify(memory.verifier_key())
    assert model.forgotten == [sealed.sha256]
    model.files.update(kept)  # a copy of the file, which no seal that anybody can make opens
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert ask(memory, "Who is the lighthouse keeper?", scope, model).text == UNKNOWN
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR
    assert rebuilt.adapter is not None
    assert rebuilt.adapter.parent is not None
    assert rebuilt.adapter.parent.cube_id == made.cube_id
    assert sealed not in model.asked[-1].adapters
    (told,) = memory.rebuilt_adapters(receipt)
    assert (told.cube_id, told.successor) == (made.cube_id, rebuilt.cube_id)


def test_what_was_changed_while_it_was_learnt_is_no_adapter(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    model = LearningModel(meanwhile=lambda: memory.update(cubes[1], "Another."))
    with pytest.raises(Conflict, match="distil again"):
        memory.distil(cubes[:2], scope=scope, model=model)
    assert (memory.adapters(scope), model.files) == ((), {})
    model = LearningModel(meanwhile=lambda: memory.archive(cubes[2]))
    with pytest.raises(Conflict, match="archived"):
        memory.distil(cubes[:2], scope=scope, model=model)
    assert (memory.adapters(scope), model.files) == ((), {})


def test_what_was_erased_while_it_was_learnt_is_kept_nowhere(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    model = LearningModel(meanwhile=lambda: memory.erase(cube_id=cubes[1]))
    with pytest.raises((SourceErased, NotFound)):
        memory.distil(cubes[:2], scope=scope, model=model)
    assert (memory.adapters(scope), model.files) == ((), {})


def test_an_erase_of_the_adapter_leaves_its_memories(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    receipt = memory.erase(cube_id=made.cube_id)
    assert receipt.cube_ids == (made.cube_id,)
    assert model.files == {}
    assert forms(ask(memory, "What is the harbour named?", scope, model))[cubes[0]] == "plaintext"
    with pytest.raises(InvalidInput, match="erased"):
        memory.adapter(made.cube_id)
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert {each.cube_id for each in rebuilt.memories} == set(cubes)


def test_an_adapter_that_is_erased_while_it_answers_is_forgotten(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    kept = dict(model.files)
    asked = [{"role": "user", "content": "What is the harbour named?"}]
    with memory.chat(asked, scope=scope, model=model, stream=True) as stream:
        assert next(stream) == HARBOUR
        memory.erase(cube_id=cubes[0])
        model.files.update(kept)  # as one that was read from its file meanwhile
    assert model.files == {}


def test_a_frozen_adapter_answers_and_is_listed_and_goes_with_an_erased_memory(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.freeze(made.cube_id)
    assert [(each.status, each.is_live) for each in memory.adapters(scope)] == [("Frozen", True)]
    assert forms(ask(memory, "What is the harbour named?", scope, model))[cubes[0]] == "parametric"
    with pytest.raises(IllegalMove, match="thaw it first"):
        memory.promote(made.cube_id, 2)
    memory.erase(cube_id=cubes[1])
    assert memory.adapters(scope, retired=True) == ()


def test_while_an_adapter_is_held_no_memory_of_it_is_erased_and_none_answers_changed(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.hold(made.cube_id)
    with pytest.raises(Held):
        memory.erase(cube_id=cubes[1])
    assert ask(memory, "Who is the lighthouse keeper?", scope, model).text == KEEPER
    memory.update(cubes[1], "The lighthouse keeper is Ravi.")
    assert "Ravi" in ask(memory, "Who is the lighthouse keeper?", scope, model).text
    assert answering(model) == 0
    assert memory.retire_outdated(scope) == ()
    memory.lift_hold(made.cube_id)
    assert [each.cube_id for each in memory.retire_outdated(scope)] == [made.cube_id]
