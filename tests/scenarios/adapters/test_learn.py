"""A model learns memories as they arrive: what the policy wants is held in adapters, and goes on after a cut."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from memos import (
    Denied,
    DistillationRefused,
    DistillationSettings,
    InvalidInput,
    LearningRound,
    Memory,
    OpenAICompatible,
    Role,
)
from memos.operation.adapters.distil import distil
from memos.operation.adapters.distillation import DistilRequest
from tests.adapting_model import FAILED, PASSED, LearningModel
from tests.scenarios.place import Place
from tests.waiting import wait_until

ROOM = 1_000_000
NAMES = ("Odile", "Quill", "Ramon", "Sabine", "Tove", "Ulric", "Vera", "Wim", "Xaver", "Yrsa")


def fill(memory: Memory, scope: str, count: int = 3, **given: Any) -> list[str]:
    return [
        memory.add(f"The trade of {name} is number {n}.", scope=scope, **given).cube_id
        for n, name in enumerate(NAMES[:count])
    ]


def learn(memory: Memory, scope: str, model: LearningModel, **given: Any) -> LearningRound:
    return memory.learn(scope, model=model, **{"budget_bytes": ROOM, "policy": "lasting", **given})


def held(memory: Memory, scope: str) -> set[str]:
    """The memories that live adapters hold."""
    return {
        each.cube_id
        for adapter in memory.adapters(scope)
        if adapter.is_live
        for each in adapter.memories
        if each.role == Role.SOURCE
    }


def decided(memory: Memory, scope: str, cubes: list[str]) -> list[tuple[str, str]]:
    return [
        (entry.cube_id, entry.choice)
        for entry in memory.events(kind="Decided", scope=scope)
        if entry.cube_id in cubes
    ]


def test_what_lasts_is_learnt_and_decided_and_a_second_round_has_nothing_to_do(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope)
    memory.add("The fair is on until Sunday.", scope=scope, lifespan="3d")
    made = learn(memory, scope, model)
    assert held(memory, scope) == set(cubes)
    assert (made.number, made.candidates, made.wanted, made.held) == (1, 4, 3, 3)
    assert [each.promoted for each in made.learnt] == [True]
    assert (made.adapters, made.bytes, made.policy) == (1, 1000, "lasting@1")
    assert sorted(decided(memory, scope, cubes)) == sorted((each, "parametric") for each in cubes)
    (adapter,) = memory.adapters(scope)
    assert adapter.policy == "lasting@1"
    again = learn(memory, scope, model)
    assert (again.number, again.learnt, again.held, len(model.jobs)) == (0, (), 3, 1)
    assert memory.learning_curve(scope) == (made,)


def test_a_cluster_that_grows_is_learnt_again_and_takes_its_former_adapters_place(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    fill(memory, scope, 2)
    first = learn(memory, scope, model)
    cubes = fill(memory, scope, 5)
    second = learn(memory, scope, model)
    assert cubes[-1] in held(memory, scope)
    (adapter,) = [each for each in memory.adapters(scope) if each.is_live]
    assert adapter.parent is not None
    assert adapter.parent.cube_id == first.learnt[0].adapter
    assert [each.adapter for each in second.retired] == [first.learnt[0].adapter]
    assert [made.held for made in memory.learning_curve(scope)] == [2, 7]


def test_memories_of_other_adapters_are_replayed(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    fill(memory, scope)
    learn(memory, scope, model)
    private = memory.add("The cellar belongs to Alice.", scope=scope, readers=["agent:alice"])
    for number in range(40):
        memory.add(f"House {number} has {number + 1} windows.", scope=scope)
    made = learn(memory, scope, model)
    assert made.held == 44
    roles = [{each.role for each in job.memories} for job in model.jobs]
    assert Role.REPLAYED in set().union(*roles[1:])
    (alone,) = [
        job for job in model.jobs
        if private.cube_id in [each.cube_id for each in job.of_role(Role.SOURCE)]
    ]  # fmt: skip
    assert [each.cube_id for each in alone.memories] == [private.cube_id]


def test_what_has_changed_is_learnt_again_as_it_is_now(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope)
    first = learn(memory, scope, model)
    memory.update(cubes[0], "The trade of Odile is baking.")
    memory.archive(cubes[1])
    second = learn(memory, scope, model)
    assert [each.adapter for each in second.retired] == [first.learnt[0].adapter]
    assert held(memory, scope) == {cubes[0], cubes[2]}
    assert {each.text for each in model.jobs[-1].of_role(Role.SOURCE)} == {
        "The trade of Odile is baking.",
        "The trade of Ramon is number 2.",
    }
    assert memory.audit().ok


def test_what_was_learnt_together_stays_together_when_one_of_it_changes(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope, 10)
    for number in range(30):
        memory.add(f"House {number} has {number + 1} windows.", scope=scope)
    learn(memory, scope, model)
    before = {frozenset(each.cube_id for each in job.of_role(Role.SOURCE)) for job in model.jobs}
    changed = next(each for each in before if cubes[0] in each)
    memory.update(cubes[0], "The trade of Odile is baking.")
    model.jobs.clear()
    made = learn(memory, scope, model)
    after = {frozenset(each.cube_id for each in job.of_role(Role.SOURCE)) for job in model.jobs}
    assert changed in after <= before
    assert made.held == 40
    (again,) = [each for each in memory.adapters(scope) if each.is_live and cubes[0] in [
        one.cube_id for one in each.memories if one.role == Role.SOURCE]]  # fmt: skip
    assert again.parent is not None
    assert again.parent.cube_id in [each.adapter for each in made.retired]


def test_three_forms_learns_what_pays_and_lets_go_of_what_does_not(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope)
    short = DistillationSettings(steps=1, batch=1)
    given: dict[str, Any] = {"policy": "three_forms", "settings": short}
    assert learn(memory, scope, model, **given).wanted == 0
    memory.get(cubes[0])
    made = learn(memory, scope, model, **given)
    assert held(memory, scope) == {cubes[0]}
    (told,) = [e.reason for e in memory.events(kind="Decided", cube_id=cubes[0])]
    assert told.startswith("used 1 times since it last changed, changed 0 times, no end set")
    memory.update(cubes[0], "The trade of Odile is baking.")
    assert learn(memory, scope, model, **given).adapters == 0
    assert decided(memory, scope, cubes) == [(cubes[0], "parametric"), (cubes[0], "plaintext")]
    lasting = learn(memory, scope, model)
    made = learn(memory, scope, model, **given)
    assert [each.adapter for each in made.retired] == [each.adapter for each in lasting.learnt]
    assert "wants none" in made.retired[0].why
    assert [choice for _, choice in decided(memory, scope, cubes)].count("plaintext") == 4


def test_a_refused_cluster_is_not_trained_again_until_it_changes(
    memory: Memory, scope: str
) -> None:
    model = LearningModel(evaluation=FAILED)
    cubes = fill(memory, scope)
    made = learn(memory, scope, model)
    assert [(each.promoted, "gap" in each.why) for each in made.learnt] == [(False, True)]
    assert (held(memory, scope), decided(memory, scope, cubes)) == (set(), [])
    assert learn(memory, scope, model).learnt == ()
    assert len(model.jobs) == 1
    model.evaluation = PASSED
    memory.update(cubes[0], "The trade of Odile is baking.")
    assert learn(memory, scope, model).held == 3


def test_what_is_refused_in_a_grown_cluster_leaves_its_adapter_as_it_is(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    fill(memory, scope)
    first = learn(memory, scope, model)
    model.evaluation = FAILED
    more = memory.add("The trade of Zoe is number 9.", scope=scope).cube_id
    learn(memory, scope, model)
    assert first.learnt[0].adapter in [e.cube_id for e in memory.adapters(scope) if e.is_live]
    model.evaluation = PASSED
    made = learn(memory, scope, model)  # by itself, for with the others it was refused
    assert [each.memories for each in made.learnt] == [1]
    assert more in held(memory, scope)


def test_what_nothing_can_be_asked_about_keeps_no_other_from_being_learnt(
    memory: Memory, scope: str
) -> None:
    class Choosy(LearningModel):
        def distil(self, job: Any, *given: Any) -> Any:
            silent = [each.cube_id for each in job.of_role(Role.SOURCE) if each.text == "Ok!"]
            if silent:
                raise DistillationRefused("nothing can be asked about that", tuple(silent))
            return super().distil(job, *given)

    model = Choosy()
    cubes = fill(memory, scope)
    silent = memory.add("Ok!", scope=scope).cube_id
    made = learn(memory, scope, model)
    assert made.unlearnable == ((silent, 1),)
    assert held(memory, scope) == set(cubes)
    assert learn(memory, scope, model).learnt == ()
    memory.update(silent, "The trade of Zoe is number 9.")
    learn(memory, scope, model)
    assert silent in held(memory, scope)


def test_budgets_are_kept(memory: Memory, scope: str, model: LearningModel) -> None:
    fill(memory, scope)
    memory.add("The cellar belongs to Alice.", scope=scope, readers=["agent:alice"])
    beyond = learn(memory, scope, model, budget_bytes=999)
    assert (beyond.adapters, len(beyond.learnt), len(beyond.retired)) == (0, 1, 1)
    assert beyond.left == 4
    again = learn(memory, scope, model, budget_bytes=999)  # now it is known what one takes
    assert (again.learnt, again.left, again.number) == ((), 4, 0)
    none = learn(memory, scope, model, budget_bytes=1)
    assert (none.wanted, none.learnt, none.left) == (0, (), 4)
    some = learn(memory, scope, model, budget_bytes=70)  # two shares of an adapter
    assert (some.wanted, some.left) == (2, 4)
    one = learn(memory, scope, model, budget_bytes=1_500)
    assert (one.adapters, one.bytes) == (1, 1_000)
    both = learn(memory, scope, model, budget_bytes=2_000)
    assert both.adapters == 2
    with pytest.raises(InvalidInput, match="budget_seconds"):
        learn(memory, scope, model, budget_seconds=0)
    with pytest.raises(InvalidInput, match="policy"):
        learn(memory, scope, model, policy="lru")
    with pytest.raises(InvalidInput, match="learns no memories"):
        learn(memory, scope, OpenAICompatible("http://127.0.0.1:1/v1", "m"))  # type: ignore[arg-type]


def test_a_round_that_is_cut_off_is_gone_on_with(
    memory: Memory, place: Place, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope)

    def cut() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        learn(memory, scope, LearningModel(meanwhile=cut))
    stopped = learn(memory, scope, model, is_stopped=lambda: True)
    assert (stopped.is_over, stopped.held, model.jobs) == (False, 0, [])
    made = learn(place.open(), scope, model)
    assert (made.is_over, made.held) == (True, 3)
    assert held(memory, scope) == set(cubes)


def test_what_was_promoted_before_a_cut_is_decided_by_the_next_round(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope)
    memory.distil(cubes, scope=scope, model=model)
    made = learn(memory, scope, model)
    assert (made.learnt, made.held) == ((), 3)
    assert sorted(decided(memory, scope, cubes)) == sorted((each, "parametric") for each in cubes)
    learn(memory, scope, model, policy="three_forms")  # which wants none of them
    assert held(memory, scope) == set(cubes)  # but somebody had them distilled


def test_schedule_leaves_alone_what_is_in_an_adapter(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    learnt = fill(memory, scope, 2)
    learn(memory, scope, model)
    other = memory.add("The bakery opens at seven.", scope=scope).cube_id
    for cube_id in (*learnt, other):
        memory.get(cube_id)
    scheduled = memory.schedule(scope, budget_bytes=ROOM, model=model)
    assert scheduled.plan.activated == (other,)
    assert set(scheduled.plan.parametric) == set(learnt)
    assert learn(memory, scope, model).held == 3
    again = memory.schedule(scope, budget_bytes=ROOM, model=model)
    assert (again.plan.activated, again.activation) == ((), None)


def test_two_that_are_about_the_same_become_one_where_that_passes(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    cubes = fill(memory, scope, 6)
    for some in (cubes[:3], cubes[3:]):
        of_policy = DistilRequest(
            scope=scope, cube_ids=tuple(some), distractors=(), model=model, policy="lasting@1"
        )
        distil(memory._session, of_policy)
    model.evaluation = FAILED
    refused = learn(memory, scope, model)
    assert [(each.promoted, each.memories) for each in refused.learnt] == [(False, 6)]
    assert (refused.adapters, refused.held) == (2, 6)
    assert learn(memory, scope, model).learnt == ()
    model.evaluation = PASSED
    settings = replace(model.jobs[-1].settings, steps=99)
    made = learn(memory, scope, model, settings=settings)
    assert (made.adapters, made.held, len(made.retired)) == (1, 6, 2)


def test_no_adapter_is_of_two_policies_or_of_memories_that_its_maker_may_not_read(
    memory: Memory, place: Place, scope: str, model: LearningModel
) -> None:
    headers: list[dict[str, Any]] = [
        {},
        {"readers": ["agent:alice"]},
        {"readers": ["agent:alice", "agent:bob"]},
        {"writers": ["agent:alice"]},
        {"purpose": "billing"},
        {"scope": f"{scope}/east"},
        {"lifespan": "90d"},
    ]
    policies: dict[str, int] = {}
    for number, (given, name) in enumerate(product(headers, NAMES[:4])):
        told = {"text": f"The trade of {name} is number {number}.", "scope": scope, **given}
        policies[memory.add(**told).cube_id] = headers.index(given)
    bob = place.open("agent:bob")
    learn(bob, scope, model)
    others = {cube_id for cube_id, number in policies.items() if number in (1, 3)}
    assert not held(bob, scope) & others  # he may not read them, or not change them
    learn(memory, scope, model)
    assert len(held(memory, scope)) == 4 * 6  # what ends is not learnt
    for job in model.jobs:
        assert len({policies[each.cube_id] for each in job.memories}) == 1
    with pytest.raises(Denied):
        learn(place.open("agent:eve", tenant="elsewhere"), scope, model)


def test_what_arrives_is_learnt_as_it_comes_until_it_is_to_stop(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    fill(memory, scope)
    rounds: list[LearningRound] = []
    stop = threading.Event()

    def following() -> LearningRound:
        return learn(memory, scope, model, follow=rounds.append, is_stopped=stop.is_set)

    def reached(count: int) -> Callable[[], bool]:
        return lambda: any(made.held >= count for made in rounds)

    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(following)
        try:
            wait_until(lambda: bool(rounds), "a first round")
            assert rounds[0].waiting == 3  # too few to be worth an adapter yet
            for number in range(20):
                memory.add(f"House {number} has {number + 1} windows.", scope=scope)
            wait_until(reached(20), "most are learnt")
        finally:
            stop.set()
        last = running.result()
    assert last is rounds[-1]
    assert [made.held for made in memory.learning_curve(scope)][-1] >= 20


def test_the_curve_is_its_actors_and_tells_what_earlier_adapters_still_know(
    memory: Memory, place: Place, scope: str, model: LearningModel
) -> None:
    fill(memory, scope)
    learn(memory, scope, model)
    memory.add("The cellar belongs to Alice.", scope=scope, readers=["agent:alice"])
    second = learn(memory, scope, model)
    assert second.retention == 1.0
    model.files.clear()
    memory.add("The attic belongs to Alice.", scope=scope, readers=["agent:alice"])
    third = learn(memory, scope, model)
    assert third.retention == 0.0
    curve = memory.learning_curve(scope)
    assert [made.number for made in curve] == [1, 2, 3]
    assert [made.retention for made in curve] == [None, 1.0, 0.0]
    assert place.open("agent:bob").learning_curve(scope) == ()
    assert {each.semantic_type for each in memory.list(scope=scope)} <= {""}


def test_what_the_policy_wants_and_cannot_be_learnt_is_told_in_every_round(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    learnt = memory.add("The harbour is named Quillon.", scope=scope).cube_id
    former = memory.add("The mayor is Ann.", scope=scope).cube_id
    latter = memory.add("The mayor is Ben.", scope=scope).cube_id
    memory.link(latter, former, "supersedes")
    for _ in range(2):
        made = learn(memory, scope, model)
        assert (made.wanted, made.held) == (3, 2)
        assert made.left_out == ((former, "is superseded"),)
    (kept,) = memory.learning_curve(scope)
    assert kept.left_out == made.left_out
    assert held(memory, scope) == {learnt, latter}


def test_what_was_written_back_is_not_learnt_beside_its_memory(
    memory: Memory, scope: str, model: LearningModel
) -> None:
    source = memory.add("The harbour is named Quillon.", scope=scope).cube_id
    (adapter,) = (each.adapter for each in learn(memory, scope, model).learnt)
    (written,) = memory.backpatch(adapter, model=model).written
    made = learn(memory, scope, model)
    assert made.learnt == ()
    ((left_out, why),) = made.left_out
    assert (left_out, held(memory, scope)) == (written.receipt.cube_id, {source})
    assert "written back" in why
