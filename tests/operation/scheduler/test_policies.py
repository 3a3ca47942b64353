"""What every policy keeps to, and what each goes by."""

from __future__ import annotations

from random import Random

import pytest

from memos.kernel.cube import Form
from memos.kernel.errors import InvalidInput
from memos.operation.scheduler.policies import DEFAULT_POLICY, POLICIES
from memos.operation.scheduler.port import Budget, Candidate, Decision, Policy, Snapshot
from tests.operation.scheduler.candidates import ACTIVATION, PLAINTEXT, candidate, snapshot


def anything(chance: Random) -> Snapshot:
    """Any memories, some in activation form already."""
    return snapshot(
        *(
            candidate(
                f"{number:03}",
                [chance.randint(1, 100) for _ in range(chance.randint(0, 9))],
                bytes=chance.randint(1, 400),
                milliseconds=chance.random() * 40,
                form=chance.choice([PLAINTEXT, ACTIVATION]),
                tags=chance.choice([(), ("pinned",), ("policy", "other")]),
                priority=chance.randint(-2, 2),
                nearness=chance.choice([None, chance.uniform(-1, 1)]),
            )
            for number in range(40)
        )
    )


def activated(policy: Policy, seen: Snapshot, budget: int) -> set[str]:
    """The memories that are in activation form when a policy has decided."""
    forms = {each.cube_id: each.form for each in seen.candidates}
    forms |= {each.cube_id: each.form for each in policy.decide(seen, Budget(budget))}
    return {cube_id for cube_id, form in forms.items() if form is ACTIVATION}


def kept(name: str, budget: int, *candidates: Candidate) -> set[str]:
    return activated(POLICIES[name], snapshot(*candidates), budget)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_every_policy_keeps_within_the_budget_and_decides_only_what_changes(policy: Policy) -> None:
    for seed in range(50):
        seen = anything(Random(seed))
        sizes = {each.cube_id: each.bytes for each in seen.candidates}
        forms = {each.cube_id: each.form for each in seen.candidates}
        for budget in (0, 500, 2_000, 100_000):
            decisions = policy.decide(seen, Budget(budget))
            assert len({each.cube_id for each in decisions}) == len(decisions)
            assert all(each.form is not forms[each.cube_id] for each in decisions)
            assert sum(sizes[each] for each in activated(policy, seen, budget)) <= budget
            assert all("bytes" in each.reason for each in decisions)
            # What leaves makes room before what enters takes it.
            order = [each.form for each in decisions]
            assert order == sorted(order, key=lambda form: form is ACTIVATION)


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_the_same_snapshot_gives_the_same_decisions_and_once_taken_none(policy: Policy) -> None:
    for seed in range(20):
        first = policy.decide(anything(Random(seed)), Budget(1_500))
        policy.decide(anything(Random(seed + 1)), Budget(99))
        assert policy.decide(anything(Random(seed)), Budget(1_500)) == first
        forms = {each.cube_id: each.form for each in first}
        taken = anything(Random(seed))
        after = Snapshot(
            [
                candidate(
                    each.cube_id,
                    [use.access for use in each.recent],
                    bytes=each.bytes,
                    milliseconds=each.milliseconds,
                    form=forms.get(each.cube_id, each.form),
                    tags=each.tags,
                    priority=each.priority,
                    nearness=each.nearness,
                )
                for each in taken.candidates
            ],
            taken.accesses,
        )
        assert policy.decide(after, Budget(1_500)) == []


def test_the_reason_tells_of_the_memory_alone() -> None:
    seen = snapshot(candidate("a", [7, 90]), candidate("b", [8]))
    alone = snapshot(candidate("a", [7, 90]))
    for policy in POLICIES.values():
        (reason,) = [d.reason for d in policy.decide(alone, Budget(100))] or [""]
        assert reason == next(
            (d.reason for d in policy.decide(seen, Budget(100)) if d.cube_id == "a"), ""
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


@pytest.mark.parametrize("given", [-1, True, 1.5, "many"])
def test_a_budget_is_a_number_of_bytes(given: object) -> None:
    with pytest.raises(InvalidInput, match="budget"):
        Budget(given)  # type: ignore[arg-type]


def test_the_default_is_one_of_them_and_names_carry_versions() -> None:
    assert DEFAULT_POLICY in POLICIES
    assert {policy.name.partition("@")[0] for policy in POLICIES.values()} == set(POLICIES)


def test_a_decision_is_on_a_form_that_there_is_a_way_to() -> None:
    with pytest.raises(InvalidInput, match="plaintext or activation"):
        Decision("a", 1, Form.PARAMETRIC, "learnt by heart")
