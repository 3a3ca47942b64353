"""Versions of an adapter: rebuilt, promoted, rolled back, retired."""

from __future__ import annotations

from dataclasses import replace

import pytest

from memos import (
    DistillationSettings,
    IllegalMove,
    InvalidInput,
    Memory,
    NotFound,
)
from tests.adapting_model import LearningModel
from tests.scenarios.adapters.town import HARBOUR, ask
from tests.scenarios.place import Place, read


def test_a_rebuild_is_the_next_version_or_a_successor(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.update(cubes[0], "The harbour is named Marrow.")
    next_version = memory.rebuild_adapter(made.cube_id, model=model)
    assert next_version.adapter is not None
    assert (next_version.cube_id, next_version.adapter.version) == (made.cube_id, 3)
    assert ask(memory, "What is the harbour named?", scope, model).text.endswith("Marrow.")
    memory.archive(cubes[1])
    successor = memory.rebuild_adapter(made.cube_id, model=model)
    assert successor.cube_id != made.cube_id
    assert [each.cube_id for each in memory.adapters(scope)] == [successor.cube_id]
    assert read(memory, made.cube_id, any_state=True).state == "Archived"
    memory.set_header(cubes[0], readers=["agent:alice"])
    narrow = memory.rebuild_adapter(successor.cube_id, model=model)
    assert narrow.cube_id != successor.cube_id
    assert read(memory, narrow.cube_id).readers == ("agent:alice",)


def test_another_base_is_served_by_distilling_again(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    other = LearningModel("other")
    told: list[tuple[int, int]] = []
    ported = memory.rebuild_adapter(
        made.cube_id, model=other, progress=lambda done, total: told.append((done, total))
    )
    assert told == [(1, 1)]
    assert ported.adapter is not None
    assert ported.adapter.model == "other"
    assert [each.is_live for each in memory.adapters(scope)] == [True, True]
    for each in (model, other):
        assert ask(memory, "What is the harbour named?", scope, each).text == HARBOUR


def test_a_version_is_promoted_as_long_as_its_memories_stand(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    memory.distil(cubes[:2], scope=scope, model=model, settings=DistillationSettings(seed=1))
    memory.promote(made.cube_id, 2)
    details = memory.adapter(made.cube_id)
    assert [(each.version, each.stands) for each in details.versions] == [(2, True), (3, False)]
    assert details.adapter.settings == DistillationSettings()
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR
    with pytest.raises(NotFound, match="there is 2, 3"):
        memory.promote(made.cube_id, 1)
    memory.update(cubes[0], "The harbour is named Marrow.")
    with pytest.raises(IllegalMove, match="rebuild"):
        memory.promote(made.cube_id, 3)
    memory.retire(made.cube_id)
    with pytest.raises(IllegalMove, match="archived"):
        memory.promote(made.cube_id, 3)
    with pytest.raises(IllegalMove):
        memory.retire(made.cube_id)


def test_what_is_retired_is_forgotten_but_for_what_another_adapter_has(
    memory: Memory, place: Place, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model, distractors=[])
    other = memory.distil(cubes[2:], scope=scope, model=model, distractors=[])
    memory.retire(made.cube_id)
    assert len(model.files) == 1
    assert [each.cube_id for each in memory.adapters(scope)] == [other.cube_id]
    assert len(memory.adapters(scope, retired=True)) == 2
    assert ask(memory, "What is the harbour named?", scope, model).text != HARBOUR


def test_rebuilt_it_is_trained_as_before_but_for_what_is_named(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    before = DistillationSettings(seed=3, rank=4, learning_rate=0.01)
    made = memory.distil(cubes[:2], scope=scope, model=model, settings=before)
    memory.rebuild_adapter(made.cube_id, model=model, settings={"steps": 50})
    assert model.jobs[-1].settings == replace(before, steps=50)
    for odd in ({"steps": 0}, {"stepz": 1}, {"thresholds": None}, 5):
        with pytest.raises(InvalidInput):
            memory.rebuild_adapter(made.cube_id, model=model, settings=odd)  # type: ignore[arg-type]
    assert len(model.jobs) == 2
