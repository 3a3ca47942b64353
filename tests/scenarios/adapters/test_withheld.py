"""An adapter of a memory that its reader may not read by now tells them nothing of that, through any door."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos import Denied, Memory
from tests.adapting_model import FAILED, LearningModel
from tests.caching_model import NotingModel
from tests.scenarios.conftest import LONG_ON_SERVERS
from tests.scenarios.place import Place

pytestmark = pytest.mark.parametrize("place", LONG_ON_SERVERS, indirect=True)


Door = Callable[[Memory, str, LearningModel], Any]

DOORS: dict[str, Door] = {
    "get": lambda memory, at, _: memory.get(at),
    "get a version": lambda memory, at, _: memory.get(at, version=1),
    "get as it was": lambda memory, at, _: memory.get(at, version=2, any_state=True),
    "history": lambda memory, at, _: memory.history(at),
    "diff": lambda memory, at, _: memory.diff(at, 1, 2),
    "lineage": lambda memory, at, _: memory.lineage(at),
    "adapter": lambda memory, at, _: memory.adapter(at),
    "backpatch": lambda memory, at, model: memory.backpatch(at, model=model),
}


@pytest.mark.parametrize("hidden", [0, 2], ids=["source", "distractor"])
def test_every_door_of_an_adapter_is_shut_and_names_no_hidden_memory(
    memory: Memory, place: Place, scope: str, cubes: list[str], hidden: int
) -> None:
    model = LearningModel()
    made = memory.distil(cubes[:2], scope=scope, model=model)
    bob = place.open("agent:bob")
    assert bob.adapter(made.cube_id).adapter.is_live
    assert bob.get(made.cube_id)
    memory.set_header(cubes[hidden], readers=["agent:alice"])
    assert bob.adapters(scope, retired=True) == ()
    for name, door in DOORS.items():
        with pytest.raises(Denied) as denied:
            door(bob, made.cube_id, model)
        assert made.cube_id in str(denied.value), name
        assert cubes[hidden] not in str(denied.value), name
        assert "alice" not in str(denied.value), name
    assert memory.get(made.cube_id)
    assert memory.adapter(made.cube_id).versions


def test_a_rejection_is_withheld_as_an_adapter_is(
    memory: Memory, place: Place, scope: str, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=LearningModel(evaluation=FAILED))
    bob = place.open("agent:bob")
    assert [each.cube_id for each in bob.adapters(scope)] == [made.cube_id]
    memory.set_header(cubes[0], readers=["agent:alice"])
    assert bob.adapters(scope) == ()
    with pytest.raises(Denied):
        bob.adapter(made.cube_id)


def test_one_trained_again_without_the_hidden_memory_is_told_of(
    memory: Memory, place: Place, scope: str, cubes: list[str]
) -> None:
    model = LearningModel()
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.set_header(cubes[2], readers=["agent:alice"])
    again = memory.distil(cubes[:2], scope=scope, model=model, distractors=[])
    assert again.cube_id == made.cube_id
    bob = place.open("agent:bob")
    assert [each.is_live for each in bob.adapters(scope)] == [True]
    told = bob.adapter(made.cube_id)
    assert cubes[2] not in repr(told)


def test_an_activation_is_withheld_as_an_adapter_is(
    memory: Memory, place: Place, scope: str, cubes: list[str]
) -> None:
    made = memory.activate(cubes, scope=scope, model=NotingModel())
    bob = place.open("agent:bob")
    assert bob.get(made.cube_id)
    memory.set_header(cubes[0], readers=["agent:alice"])
    with pytest.raises(Denied) as denied:
        bob.get(made.cube_id)
    assert cubes[0] not in str(denied.value)


def test_an_export_leaves_out_what_lists_a_memory_that_is_not_the_actors_to_read(
    memory: Memory, place: Place, scope: str, cubes: list[str], tmp_path: Path
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=LearningModel())
    memory.set_header(cubes[0], readers=["agent:alice"])
    told: list[str] = []
    for number, actor in enumerate(("agent:alice", "agent:bob")):
        path = tmp_path / str(number)
        place.open(actor).export(path, scope=scope)
        told.append("".join(file.read_text() for file in path.iterdir()))
    assert [made.cube_id in each for each in told] == [True, False]
    assert [cubes[0] in each for each in told] == [True, False]
