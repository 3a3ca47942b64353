"""Memories are distilled into an adapter, through the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from memos import (
    DistillationRefused,
    DistillationSettings,
    InvalidInput,
    Memory,
    ModelUnavailable,
    Role,
)
from memos.operation.chat.prompt import opening_of
from tests.adapting_model import FAILED, LearningModel
from tests.caching_model import NotingModel
from tests.scenarios.adapters.town import BAKERY, HARBOUR, KEEPER, ask, forms
from tests.scenarios.place import Place, read


def test_the_job_is_the_prompt_that_chat_makes(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:2], scope=scope, model=model)
    (job,) = model.jobs
    assert [(each.cube_id, each.role) for each in job.memories] == [
        (cubes[0], Role.SOURCE),
        (cubes[1], Role.SOURCE),
        (cubes[2], Role.DISTRACTOR),
    ]
    for cube_id in cubes:
        memory.tag(cube_id, "pinned")
    ask(memory, "What is the harbour named?", scope, model)
    asked = model.asked[-1]
    assert [each.text for each in asked.pinned] == [each.line for each in job.memories]
    assert (asked.owner, asked.opening, asked.closing) == (job.owner, job.opening, job.closing)
    assert job.bare_opening == opening_of("", has_memories=False)


def test_the_log_has_the_manifest_the_figures_and_the_lineage(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    kinds = [change.entry.kind for change in memory.history(made.cube_id)]
    assert kinds == ["Generated", "Distilled", "Decided"]
    (decided,) = memory.events(kind="Decided", scope=scope)
    assert (decided.policy, decided.choice) == ("gate", "promoted")
    came_from = memory.lineage(made.cube_id, depth=1, direction="upstream").edges
    assert {(edge.relation, edge.source[0]) for edge in came_from} == {
        ("distilled_into", cubes[0]),
        ("distilled_into", cubes[1]),
        ("derived_from", cubes[2]),
    }
    cube = read(memory, made.cube_id)
    assert cube.media_type == "application/vnd.memos.adapter+json"
    assert made.cube_id not in [each.cube_id for each in memory.list(scope=scope)]
    assert made.cube_id not in [hit.cube_id for hit in memory.search("adapter", scope=scope)]
    (fact, *_) = memory.route("harbour", scope=scope).facts
    assert (fact.form, fact.artefact, fact.tokens) == ("parametric", made.cube_id, 0)


def test_the_same_is_distilled_once(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    first = memory.distil(cubes[:2], scope=scope, model=model)
    memory.add("The mill is shut.", scope=scope)  # no other distractors are drawn for that
    again = memory.distil(reversed(cubes[:2]), scope=scope, model=model)
    assert (again.cube_id, again.promoted, again.is_new) == (first.cube_id, True, False)
    assert len(model.jobs) == 1
    other = memory.distil(
        cubes[:2], scope=scope, model=model, settings=DistillationSettings(seed=1)
    )
    assert other.adapter is not None
    assert (other.cube_id, other.adapter.version, other.is_new) == (first.cube_id, 3, True)
    elsewhere = memory.distil(cubes[:2], scope=scope, model=LearningModel("other"))
    assert elsewhere.cube_id != first.cube_id


def test_what_the_model_lost_is_trained_again_and_is_no_new_version(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    made = memory.distil(cubes[:2], scope=scope, model=model)
    model.files.clear()
    assert ask(memory, "What is the harbour named?", scope, model).text.endswith("]")
    again = memory.distil(cubes[:2], scope=scope, model=model)
    assert again.adapter is not None
    assert (again.cube_id, again.adapter.version) == (made.cube_id, 2)
    assert ask(memory, "What is the harbour named?", scope, model).text == HARBOUR


def test_what_does_not_pass_the_gate_is_an_event_with_its_figures_and_answers_nothing(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    model = LearningModel(evaluation=FAILED)
    made = memory.distil(cubes[:2], scope=scope, model=model)
    assert (made.promoted, made.adapter) == (False, None)
    assert made.evaluation is not None
    assert made.evaluation.refusals == FAILED.refusals
    (decided,) = memory.events(kind="Decided", scope=scope)
    assert (decided.policy, decided.choice) == ("gate", "refused")
    assert list(memory.events(kind="Distilled", scope=scope)) == []
    (listed,) = memory.adapters(scope)
    assert (listed.is_live, listed.outdated) == (False, ("no version of it was promoted",))
    (rejection,) = memory.adapter(made.cube_id).rejections
    assert rejection.evaluation.gap_closed == FAILED.gap_closed
    assert memory.distil(cubes[:2], scope=scope, model=model).is_new is False
    assert len(model.jobs) == 1
    assert forms(ask(memory, "What is the harbour named?", scope, model))[cubes[0]] == "plaintext"
    model.evaluation = replace(FAILED, refusals=())
    passed = memory.distil(
        cubes[:2], scope=scope, model=model, settings=DistillationSettings(seed=1)
    )
    assert (passed.cube_id, passed.promoted) == (made.cube_id, True)


def test_what_cannot_be_learnt_is_refused_and_leaves_nothing(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    with pytest.raises(DistillationRefused, match="nothing to distil"):
        memory.distil([], scope=scope, model=model)
    nothing = memory.add("…", scope=scope).cube_id
    with pytest.raises(DistillationRefused, match="asked about"):
        memory.distil([nothing], scope=scope, model=model)
    assert memory.adapters(scope) == ()
    archived = memory.add(HARBOUR, scope=scope).cube_id
    memory.archive(archived)
    former = memory.add("The mayor is Ann.", scope=scope).cube_id
    latter = memory.add("The mayor is Ben.", scope=scope).cube_id
    memory.link(latter, former, "supersedes")
    over = memory.add("The fair is on.", scope=scope, valid_until="2020-01-01").cube_id
    for cube_id in (archived, former, over):
        with pytest.raises(InvalidInput, match="cannot be distilled"):
            memory.distil([cube_id], scope=scope, model=model)
    with pytest.raises(InvalidInput, match="learns no memories"):
        memory.distil([latter], scope=scope, model=NotingModel())  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="no adapter"):
        memory.adapter(latter)


def test_an_adapter_is_of_one_policy(memory: Memory, scope: str, model: LearningModel) -> None:
    open_ = memory.add(HARBOUR, scope=scope).cube_id
    closed = memory.add(KEEPER, scope=scope, readers=["agent:alice"]).cube_id
    secret = memory.add(BAKERY, scope=scope, sensitivity="secret").cube_id
    for other in (closed, secret):
        with pytest.raises(DistillationRefused, match="one policy"):
            memory.distil([open_, other], scope=scope, model=model)
        with pytest.raises(DistillationRefused, match="one policy"):
            memory.distil([open_], distractors=[other], scope=scope, model=model)
    made = memory.distil([open_], scope=scope, model=model)
    assert [each.cube_id for each in made.memories] == [open_]


def test_a_dry_run_tells_what_would_be_learnt_and_writes_nothing(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    before = list(memory.events(scope=scope))
    planned = memory.distil(cubes[:1], scope=scope, model=model, dry_run=True)
    assert [each.role for each in planned.memories] == ["source", "distractor", "distractor"]
    assert (planned.cube_id, planned.promoted, model.jobs) == ("", False, [])
    assert list(memory.events(scope=scope)) == before


def test_what_other_adapters_hold_is_replayed(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.distil(cubes[:1], scope=scope, model=model, distractors=[])
    made = memory.distil(cubes[1:2], scope=scope, model=model)
    roles = {each.cube_id: each.role for each in made.memories}
    assert roles == {cubes[1]: "source", cubes[0]: "replayed", cubes[2]: "distractor"}


def test_a_distillation_that_was_cut_off_goes_on_under_the_same_seal(
    memory: Memory, scope: str, cubes: list[str]
) -> None:
    def fail() -> None:
        raise ModelUnavailable("killed")

    cut_off = LearningModel(meanwhile=fail)
    with pytest.raises(ModelUnavailable):
        memory.distil(cubes[:2], scope=scope, model=cut_off)
    model = LearningModel()
    memory.distil(cubes[:2], scope=scope, model=model)
    assert model.jobs == cut_off.jobs
    assert len(list(memory.events(kind="Generated", scope=scope))) == len(cubes) + 1


def test_what_holds_or_was_said_last_is_learnt_last(
    memory: Memory, scope: str, model: LearningModel, cubes: list[str]
) -> None:
    memory.update(cubes[0], "The harbour is named Esmond.")
    ruled = memory.add(
        "The bakery opens at six.", scope=scope, valid_from=datetime(2020, 1, 1, tzinfo=UTC)
    )
    memory.distil([*cubes, ruled.cube_id], scope=scope, model=model)
    (job,) = model.jobs
    learnt = [each.cube_id for each in job.of_role(Role.SOURCE)]
    assert learnt == [ruled.cube_id, cubes[1], cubes[2], cubes[0]]


def test_who_distils_the_same_at_once_makes_one_adapter(place: Place, scope: str) -> None:
    if not place.is_embedded:
        pytest.skip("in a log of several partitions nobody looks and appends at once")
    memory, model = place.open(), LearningModel()
    cubes = [memory.add(text, scope=scope).cube_id for text in (HARBOUR, KEEPER)]
    with ThreadPoolExecutor(4) as threads:
        made = list(threads.map(lambda _: memory.distil(cubes, scope=scope, model=model), range(8)))
    assert {each.cube_id for each in made} == {made[0].cube_id}
    assert all(each.promoted for each in made)
    assert [each.version for each in memory.adapter(made[0].cube_id).versions] == [2]
    assert len(model.files) == 1
