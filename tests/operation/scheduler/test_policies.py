"""What every policy keeps to, and what each goes by."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from memos.kernel.cube import Form
from memos.kernel.errors import InvalidInput
from memos.operation.scheduler.policies import (
    DEFAULT_LEARNING_POLICY,
    DEFAULT_POLICY,
    LEARNING_POLICIES,
    POLICIES,
)
from memos.operation.scheduler.port import Budget, Candidate, Decision, Policy, Snapshot
from tests.operation.scheduler.candidates import (
    ACTIVATION,
    PARAMETRIC,
    PLAINTEXT,
    candidate,
    snapshot,
)

ALL_POLICIES = {**POLICIES, **LEARNING_POLICIES}
BUDGETS = (
    *map(Budget, (0, 500, 2_000, 100_000)),
    Budget(500, parametric_bytes=0),
    Budget(0, parametric_bytes=300),
    Budget(2_000, parametric_bytes=100_000),
)


def anything(chance: Random) -> Snapshot:
    """Any memories, some in activation form or in adapters already."""
    return snapshot(
        *(
            candidate(
                f"{number:03}",
                [chance.randint(1, 100) for _ in range(chance.randint(0, 9))],
                bytes=chance.randint(1, 400),
                milliseconds=chance.random() * 40,
                form=chance.choice([PLAINTEXT, ACTIVATION, PARAMETRIC]),
                tags=chance.choice([(), ("pinned",), ("policy", "other")]),
                priority=chance.randint(-2, 2),
                nearness=chance.choice([None, chance.uniform(-1, 1)]),
                changes=chance.randint(0, 3),
                unchanged=chance.randint(1, 10**9),
                unchanged_uses=chance.randint(0, 9),
                remaining=chance.choice([None, None, chance.randint(0, 10**9)]),
                adapter_bytes=chance.randint(1, 100),
                training_milliseconds=chance.random() * 100,
            )
            for number in range(40)
        )
    )


def formed(form: Form, policy: Policy, seen: Snapshot, budget: Budget) -> set[str]:
    """The memories that are in a form when a policy has decided."""
    forms = {each.cube_id: each.form for each in seen.candidates}
    forms |= {each.cube_id: each.form for each in policy.decide(seen, budget)}
    return {cube_id for cube_id, decided in forms.items() if decided is form}


def activated(policy: Policy, seen: Snapshot, budget: int) -> set[str]:
    return formed(ACTIVATION, policy, seen, Budget(budget))


def kept(name: str, budget: int, *candidates: Candidate) -> set[str]:
    return activated(POLICIES[name], snapshot(*candidates), budget)


def learnt(name: str, budget: int, *candidates: Candidate, accesses: int = 100) -> set[str]:
    """The memories that a policy has in adapters of so many bytes."""
    seen = snapshot(*candidates, accesses=accesses)
    return formed(PARAMETRIC, LEARNING_POLICIES[name], seen, Budget(0, parametric_bytes=budget))


@pytest.mark.parametrize("policy", ALL_POLICIES.values(), ids=ALL_POLICIES)
def test_every_policy_keeps_within_the_budget_and_decides_only_what_changes(policy: Policy) -> None:
    for seed in range(50):
        seen = anything(Random(seed))
        candidates = {each.cube_id: each for each in seen.candidates}
        for budget in BUDGETS:
            decisions = policy.decide(seen, budget)
            assert len({each.cube_id for each in decisions}) == len(decisions)
            assert all(each.form is not candidates[each.cube_id].form for each in decisions)
            active = formed(ACTIVATION, policy, seen, budget)
            assert sum(candidates[each].bytes for each in active) <= budget.bytes
            assert all("bytes" in each.reason for each in decisions)
            # What leaves makes room before what enters takes it.
            order = [each.form for each in decisions]
            assert order == sorted(order, key=[PLAINTEXT, PARAMETRIC, ACTIVATION].index)


@pytest.mark.parametrize("policy", ALL_POLICIES.values(), ids=ALL_POLICIES)
def test_what_is_in_an_adapter_stays_there_where_nothing_is_decided_on_adapters(
    policy: Policy,
) -> None:
    for seed in range(20):
        seen = anything(Random(seed))
        before = {each.cube_id for each in seen.candidates if each.form is PARAMETRIC}
        assert formed(PARAMETRIC, policy, seen, Budget(1_500)) == before


@pytest.mark.parametrize("policy", LEARNING_POLICIES.values(), ids=LEARNING_POLICIES)
def test_adapters_keep_within_their_budget(policy: Policy) -> None:
    for seed in range(50):
        seen = anything(Random(seed))
        sizes = {each.cube_id: each.adapter_bytes for each in seen.candidates}
        for room in (0, 100, 1_000):
            inside = formed(PARAMETRIC, policy, seen, Budget(500, parametric_bytes=room))
            assert sum(sizes[each] for each in inside) <= room
            assert bool(inside) is (room > 0)


@pytest.mark.parametrize("policy", ALL_POLICIES.values(), ids=ALL_POLICIES)
def test_the_same_snapshot_gives_the_same_decisions_and_once_taken_none(policy: Policy) -> None:
    for seed in range(20):
        for budget in (Budget(1_500), Budget(1_500, parametric_bytes=700)):
            first = policy.decide(anything(Random(seed)), budget)
            policy.decide(anything(Random(seed + 1)), Budget(99))
            assert policy.decide(anything(Random(seed)), budget) == first
            forms = {each.cube_id: each.form for each in first}
            seen = anything(Random(seed))
            after = [
                replace(each, form=forms.get(each.cube_id, each.form)) for each in seen.candidates
            ]
            assert policy.decide(Snapshot(after, seen.accesses), budget) == []


def test_the_reason_tells_of_the_memory_alone() -> None:
    seen = snapshot(candidate("a", [7, 90]), candidate("b", [8]))
    alone = snapshot(candidate("a", [7, 90]))
    budget = Budget(100, parametric_bytes=100)
    for policy in ALL_POLICIES.values():
        (reason,) = [d.reason for d in policy.decide(alone, budget)] or [""]
        assert reason == next(
            (d.reason for d in policy.decide(seen, budget) if d.cube_id == "a"), ""
        )


def test_lru_keeps_what_was_used_last_and_nothing_that_never_was() -> None:
    memories = [candidate("a", [1, 2, 3]), candidate("b", [9]), candidate("c", [5]), candidate("d")]
    assert kept("lru", 200, *memories) == {"b", "c"}
    assert kept("lru", 900, *memories) == {"a", "b", "c"}


def test_lfu_keeps_what_was_used_most_and_of_equals_what_was_used_last() -> None:
    memories = [candidate("a", [1, 2]), candidate("b", [9]), candidate("c", [5]), candidate("d")]
    assert kept("lfu", 200, *memories) == {"a", "b"}


def test_labels_decide_before_any_use() -> None:
    memories = [
        candidate("a", [99]),
        candidate("b", tags=("pinned",)),
        candidate("c", tags=("policy",)),
        candidate("d", priority=3),
        candidate("e"),
    ]
    for budget, names in ((100, "c"), (200, "bc"), (300, "bcd"), (400, "abcd"), (900, "abcd")):
        assert kept("labels", budget, *memories) == set(names)


def test_nearness_keeps_what_is_near_before_it_is_used_and_nothing_of_unknown_nearness() -> None:
    memories = [
        candidate("a", [99], nearness=0.2),
        candidate("b", nearness=0.9),
        candidate("c", nearness=-0.1),
        candidate("d", [100]),
    ]
    assert kept("nearness", 100, *memories) == {"b"}
    assert kept("nearness", 900, *memories) == {"a", "b"}


def test_cost_aware_keeps_what_saves_most_for_each_byte_at_its_rate_of_use() -> None:
    used = [90, 95]
    dear = candidate("dear", used, milliseconds=30.0)
    large = candidate("large", used, bytes=200)
    often = candidate("often", [*used, 99], milliseconds=15.0)
    assert kept("cost_aware", 100, dear, large, often) == {"dear"}
    assert kept("cost_aware", 200, dear, large, often) == {"dear", "often"}


def test_cost_aware_forgets_what_was_used_much_and_long_ago() -> None:
    former = candidate("former", range(1, 5))
    current = candidate("current", [2_998, 2_999])
    assert activated(POLICIES["cost_aware"], snapshot(former, current, accesses=3_000), 100) == {
        "current"
    }
    assert activated(POLICIES["lfu"], snapshot(former, current, accesses=3_000), 100) == {"former"}


def test_a_large_memory_that_does_not_fit_keeps_no_smaller_one_out() -> None:
    assert kept("lru", 100, candidate("a", [9], bytes=500), candidate("b", [1])) == {"b"}


USES = [90, 95, 99]


def test_three_forms_learns_what_is_used_and_stable_where_that_pays_for_its_training() -> None:
    pays: dict[str, Any] = {
        "unchanged_uses": 3,
        "unchanged": 10,
        "adapter_bytes": 10,
        "training_milliseconds": 25.0,
    }
    memories = [
        candidate("cold", **pays),
        candidate("dear", USES, **{**pays, "training_milliseconds": 40.0}),
        candidate("fickle", USES, **pays, changes=1),
        candidate("long", USES, **pays, remaining=10),
        candidate("new", USES, **{**pays, "unchanged_uses": 2}),
        candidate("soon over", USES, **pays, remaining=5),
        candidate("stable", USES, **pays),
    ]
    assert learnt("three_forms", 900, *memories) == {"long", "stable"}
    assert learnt("three_forms", 10, *memories) == {"long"}
    (decided,) = LEARNING_POLICIES["three_forms"].decide(
        snapshot(memories[-1]), Budget(0, parametric_bytes=10)
    )
    assert decided.reason == (
        "used 3 times since it last changed, changed 0 times, no end set: about 3 uses to come save 30 tokens, "
        "30 ms (10 tokens; its share of an adapter: 10 bytes, 25 ms to train)"
    )


def test_three_forms_keeps_what_is_learnt_until_hardly_anybody_asks_for_it() -> None:
    fields: dict[str, Any] = {
        "unchanged_uses": 3,
        "training_milliseconds": 40.0,
        "form": PARAMETRIC,
    }
    memory = candidate("a", USES, **fields)
    assert learnt("three_forms", 900, memory) == {"a"}
    assert learnt("three_forms", 900, memory, accesses=5_000) == set()
    changed = candidate("a", USES, **{**fields, "unchanged_uses": 0})
    assert learnt("three_forms", 900, changed) == set()


def test_three_forms_activates_what_it_does_not_learn() -> None:
    stable = candidate("a", USES, unchanged_uses=3)
    changed = candidate("b", USES, form=PARAMETRIC)
    moved = candidate("c", USES, unchanged_uses=3, form=ACTIVATION)
    seen, policy = snapshot(stable, changed, moved), LEARNING_POLICIES["three_forms"]
    budget = Budget(100, parametric_bytes=100)
    assert formed(PARAMETRIC, policy, seen, budget) == {"a", "c"}
    assert formed(ACTIVATION, policy, seen, budget) == {"b"}


def test_lasting_learns_all_that_has_no_end_what_changed_least_first() -> None:
    memories = [
        candidate("changed", adapter_bytes=10, changes=2),
        candidate("ends", adapter_bytes=10, remaining=10**15),
        candidate("stable", adapter_bytes=10),
    ]
    assert learnt("lasting", 900, *memories) == {"changed", "stable"}
    assert learnt("lasting", 10, *memories) == {"stable"}


@pytest.mark.parametrize("given", [-1, True, 1.5, "many"])
def test_a_budget_is_a_number_of_bytes(given: object) -> None:
    with pytest.raises(InvalidInput, match="budget"):
        Budget(given)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="budget"):
        Budget(0, parametric_bytes=given)  # type: ignore[arg-type]


def test_the_default_is_one_of_them_and_names_carry_versions() -> None:
    assert DEFAULT_POLICY in POLICIES
    assert DEFAULT_LEARNING_POLICY in LEARNING_POLICIES
    assert {policy.name.partition("@")[0] for policy in ALL_POLICIES.values()} == set(ALL_POLICIES)


def test_a_decision_is_on_a_form_that_there_is_a_way_to() -> None:
    with pytest.raises(InvalidInput, match="plaintext, activation or parametric"):
        Decision("a", 1, Form.TENANT, "learnt by heart")
