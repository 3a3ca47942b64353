"""What an adapter holds is written back as it is now: restricted as its memories are, and without what is gone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from memos import (
    Denied,
    Distillation,
    DistillationJob,
    IllegalMove,
    Memory,
    ModelUnavailable,
    Probe,
    PromptAdapter,
)
from tests.adapting_model import LearningModel
from tests.scenarios.adapters.town import HARBOUR
from tests.scenarios.conftest import LONG_ON_SERVERS
from tests.scenarios.place import Place, read

pytestmark = pytest.mark.parametrize("place", LONG_ON_SERVERS, indirect=True)


@pytest.fixture
def made(memory: Memory, scope: str, model: LearningModel, cubes: list[str]) -> Distillation:
    return memory.distil(cubes[:2], scope=scope, model=model)


def test_what_an_adapter_holds_is_written_back_with_its_lineage_and_a_confidence(
    memory: Memory, model: LearningModel, cubes: list[str], made: Distillation
) -> None:
    kept = dict(model.files)
    memory.retire(made.cube_id)
    model.files.update(kept)  # as a model has it that was not open then
    done = memory.backpatch(made.cube_id, model=model)
    assert [(each.source, each.confidence) for each in done.written] == [
        (cubes[0], 0.75),
        (cubes[1], 0.75),
    ]
    assert done.left_out == ()
    cube = read(memory, done.written[0].receipt.cube_id)
    assert HARBOUR in cube.text
    assert (cube.semantic_type, cube.metadata["confidence"]) == ("backpatch", 0.75)
    came_from = memory.lineage(cube.cube_id, depth=1, direction="upstream").edges
    assert {(edge.relation, edge.source[0]) for edge in came_from} == {
        ("derived_from", made.cube_id),
        ("derived_from", cubes[0]),
    }
    again = memory.backpatch(made.cube_id, model=model)
    written = {each.receipt.cube_id for each in done.written}
    assert {each.receipt.cube_id for each in again.written} == written
    assert {made.cube_id, *written} <= set(memory.erase(cube_id=cubes[0]).cube_ids)
    with pytest.raises(IllegalMove):
        memory.backpatch(made.cube_id, model=model)


def test_a_model_without_the_adapter_cannot_be_asked_what_it_holds(
    memory: Memory, made: Distillation
) -> None:
    with pytest.raises(ModelUnavailable, match="does not have"):
        memory.backpatch(made.cube_id, model=LearningModel("other"))


def test_what_is_written_back_is_as_restricted_as_its_memories_are_by_now(
    memory: Memory,
    place: Place,
    scope: str,
    model: LearningModel,
    cubes: list[str],
    made: Distillation,
) -> None:
    memory.set_header(cubes[0], readers=["agent:alice"], sensitivity="secret")
    done = memory.backpatch(made.cube_id, model=model)
    assert [each.source for each in done.written] == cubes[:2]
    for each in done.written:  # an adapter may say of one memory what it has of another
        cube = read(memory, each.receipt.cube_id)
        assert (cube.readers, cube.sensitivity) == (("agent:alice",), "secret")
    told = place.open("agent:bob").context("What is the harbour named?", scope=scope)
    assert "Quillon" not in told.text


def test_so_it_is_where_one_that_it_was_only_trained_beside_was_restricted(
    memory: Memory, model: LearningModel, cubes: list[str], made: Distillation
) -> None:
    memory.set_header(cubes[2], readers=["agent:alice"])
    for each in memory.backpatch(made.cube_id, model=model).written:
        assert read(memory, each.receipt.cube_id).readers == ("agent:alice",)


Change = Callable[[Memory, str, str], object]


def rolled_back(memory: Memory, scope: str, cube_id: str) -> object:
    return memory.rollback(source="news", scope=scope)


def archived(memory: Memory, scope: str, cube_id: str) -> object:
    return memory.archive(cube_id)


def revised(memory: Memory, scope: str, cube_id: str) -> object:
    return memory.update(cube_id, "The mayor is Ben.")


def superseded(memory: Memory, scope: str, cube_id: str) -> object:
    newer = memory.add("The mayor is Ben.", scope=scope).cube_id
    return memory.link(newer, cube_id, "supersedes")


def expired(memory: Memory, scope: str, cube_id: str) -> object:
    return memory.set_lifespan(cube_id, after="1s")


def ended(memory: Memory, scope: str, cube_id: str) -> object:
    return memory.update(cube_id, valid_until=datetime.now(UTC) - timedelta(hours=1))


CHANGES: dict[Change, str] = {
    rolled_back: "is archived",
    archived: "is archived",
    revised: "says something else",
    superseded: "is superseded",
    expired: "",
    ended: "",
}


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: str(change.__name__))
def test_what_is_not_so_any_more_is_not_written_back(
    place: Place, scope: str, model: LearningModel, change: Change
) -> None:
    memory = place.open()
    lasting = memory.add(HARBOUR, scope=scope).cube_id
    ending = memory.add("The mayor is Ann.", scope=scope, source="news").cube_id
    made = memory.distil([lasting, ending], scope=scope, model=model)
    kept = dict(model.files)
    change(memory, scope, ending)
    model.files.update(kept)
    later = datetime.now(UTC) + timedelta(minutes=1)
    memory = place.open(clock=lambda: int(later.timestamp() * 1e6))
    done = memory.backpatch(made.cube_id, model=model)
    assert [each.source for each in done.written] == [lasting]
    (left_out,) = done.left_out
    assert left_out.cube_id == ending
    assert CHANGES[change] in left_out.why
    assert left_out.why
    told = [each.text for each in memory.list(scope=scope) if each.semantic_type == "backpatch"]
    assert [each for each in told if "Ann" in each] == []


def test_where_nothing_is_so_any_more_nothing_is_asked(
    memory: Memory, model: LearningModel, cubes: list[str], made: Distillation
) -> None:
    for cube_id in cubes[:2]:
        memory.archive(cube_id)
    with pytest.raises(IllegalMove, match="is archived"):
        memory.backpatch(made.cube_id, model=model)


def test_what_changes_while_an_adapter_is_asked_is_not_written_back(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    class Slow(LearningModel):
        def probe(self, adapter: PromptAdapter, job: DistillationJob) -> tuple[Probe, ...]:
            told = super().probe(adapter, job)
            memory.archive(cubes[0])
            return told

    model = Slow()
    made = memory.distil(cubes[:2], scope=scope, model=model)
    done = memory.backpatch(made.cube_id, model=model)
    assert [each.source for each in done.written] == [cubes[1]]
    assert [each.cube_id for each in done.left_out] == [cubes[0]]


def test_what_is_written_back_ends_when_its_memory_ends(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)
    fair = memory.add(HARBOUR, scope=scope, valid_from=start, valid_until=end, lifespan="30d")
    made = memory.distil([fair.cube_id], scope=scope, model=model)
    (written,) = memory.backpatch(made.cube_id, model=model).written
    cube = read(memory, written.receipt.cube_id)
    assert (cube.valid_from, cube.valid_until) == (start, end)
    assert cube.lifespan is not None


def test_a_rollback_of_a_memory_reaches_what_was_written_back(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    bad = memory.add(HARBOUR, scope=scope, source="news").cube_id
    made = memory.distil([bad], scope=scope, model=model)
    memory.backpatch(made.cube_id, model=model)
    memory.rollback(source="news", scope=scope)
    assert "Quillon" not in memory.context("What is the harbour named?", scope=scope).text


def test_what_was_written_back_and_erased_does_not_come_back(
    memory: Memory, model: LearningModel, cubes: list[str], made: Distillation
) -> None:
    written = memory.backpatch(made.cube_id, model=model).written
    memory.erase(cube_id=written[0].receipt.cube_id)
    done = memory.backpatch(made.cube_id, model=model)
    assert [each.source for each in done.written] == [cubes[1]]
    assert [each.cube_id for each in done.left_out] == [cubes[0]]


def test_who_may_not_read_all_of_it_is_told_nothing_by_it_and_not_of_what(
    memory: Memory, place: Place, model: LearningModel, cubes: list[str], made: Distillation
) -> None:
    memory.set_header(cubes[0], readers=["agent:alice"])
    with pytest.raises(Denied) as denied:
        place.open("agent:bob").backpatch(made.cube_id, model=model)
    assert made.cube_id in str(denied.value)
    assert cubes[0] not in str(denied.value)
