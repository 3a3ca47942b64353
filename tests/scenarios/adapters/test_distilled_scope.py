"""Without naming memories, what a scope has is distilled as far as it can be learnt together; the rest is told."""

from __future__ import annotations

import pytest

from memos import DistillationRefused, InvalidInput, Memory
from tests.adapting_model import LearningModel
from tests.scenarios.adapters.town import BAKERY, HARBOUR, KEEPER
from tests.scenarios.conftest import LONG_ON_SERVERS

pytestmark = pytest.mark.parametrize("place", LONG_ON_SERVERS, indirect=True)


def test_what_cannot_be_learnt_is_left_out_with_the_reason(memory: Memory, scope: str) -> None:
    model = LearningModel(unaskable=["Ok!", "Fine."])
    learnt = [memory.add(text, scope=scope).cube_id for text in (HARBOUR, KEEPER)]
    former = memory.add("The mayor is Ann.", scope=scope).cube_id
    latter = memory.add("The mayor is Ben.", scope=scope).cube_id
    memory.link(latter, former, "supersedes")
    over = memory.add("The fair is on.", scope=scope, valid_until="2020-01-01").cube_id
    early = memory.add("The fair is on again.", scope=scope, valid_from="2120-01-01").cube_id
    unaskable = [memory.add(text, scope=scope).cube_id for text in ("Ok!", "Fine.")]
    closed = memory.add(BAKERY, scope=scope, readers=["agent:alice"]).cube_id
    picture = memory.add(content=b"png", media_type="image/png", scope=scope).cube_id
    planned = memory.distil(scope=scope, model=model, dry_run=True)
    assert len(planned.left_out) == 5
    made = memory.distil(scope=scope, model=model)
    assert made.promoted
    sources = [each.cube_id for each in made.memories if each.role == "source"]
    assert sources == [*learnt, latter]
    why = dict(made.left_out)
    assert why.keys() == {former, over, early, *unaskable, closed, picture}
    assert why[former] == "is superseded"
    assert why[over] == "is no longer true"
    assert why[early] == "is not true yet"
    assert "readers" in why[closed]
    assert why[picture] == "says nothing in words"
    assert {why[each] for each in unaskable} == {"is nothing that can be asked about"}
    again = memory.distil(scope=scope, model=model)
    assert (again.is_new, again.cube_id, again.left_out) == (False, made.cube_id, made.left_out)


def test_what_was_written_back_is_not_learnt_beside_its_memory(memory: Memory, scope: str) -> None:
    model = LearningModel()
    memories = [memory.add(text, scope=scope).cube_id for text in (HARBOUR, KEEPER)]
    made = memory.distil(memories, scope=scope, model=model)
    written = [each.receipt.cube_id for each in memory.backpatch(made.cube_id, model=model).written]
    planned = memory.distil(scope=scope, model=model, dry_run=True)
    assert [each.cube_id for each in planned.memories if each.role == "source"] == memories
    assert {each.cube_id for each in planned.left_out} == {*written}
    kept = dict(model.files)
    memory.archive(memories[0])
    model.files.update(kept)
    alone = memory.distil(scope=scope, model=model, dry_run=True)
    held = [each.cube_id for each in alone.memories if each.role == "source"]
    assert held == [memories[1], written[0]]


def test_a_scope_of_nothing_that_can_be_learnt_is_refused_with_the_reasons(
    memory: Memory, scope: str
) -> None:
    model = LearningModel(unaskable=["Ok!"])
    with pytest.raises(DistillationRefused, match="nothing to distil"):
        memory.distil(scope=scope, model=model)
    cube_id = memory.add("Ok!", scope=scope).cube_id
    with pytest.raises(DistillationRefused, match=f"{cube_id} is nothing that can be asked"):
        memory.distil(scope=scope, model=model)
    assert memory.adapters(scope) == ()


def test_more_than_an_adapter_holds_has_to_be_named(memory: Memory, scope: str) -> None:
    memory.add_many({"text": f"Door {n} is {n} feet wide.", "scope": scope} for n in range(65))
    with pytest.raises(InvalidInput, match="65 memories are too many"):
        memory.distil(scope=scope, model=LearningModel())
