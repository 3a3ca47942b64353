"""What the scheduler decides of a vault: taken again from its log, kept in it, and told of."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memos import Denied, Forgotten, IllegalMove, InvalidInput, Memory, NotFound
from memos.kernel.cube import Form
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.plan import Plan, plan, plan_again, replay_accesses
from memos.operation.scheduler.policies import POLICIES
from memos.operation.scheduler.port import Budget
from memos.operation.scheduler.record import record
from tests.scenarios.place import MeaningPlace, Place, read
from tests.waiting import wait_until

TEXT = "one two three four five six seven eight nine ten {}"
COSTS = Costs(
    bytes_per_token=100,
    milliseconds_per_token=1.0,
    milliseconds_per_memory=5.0,
    count_tokens=lambda text: len(text.split()),
)
SIZE = 1_100
"""Bytes of a memory of TEXT."""
ROOM_FOR_TWO = Budget(2 * SIZE)


def memories(memory: Memory, tenant: str, count: int = 4) -> list[str]:
    items = [{"text": TEXT.format(n), "scope": f"{tenant}/a"} for n in range(count)]
    return [receipt.cube_id for receipt in memory.add_many(items)]


def planned(
    memory: Memory, tenant: str, policy: str = "lru", budget: Budget = ROOM_FOR_TWO
) -> Plan:
    return plan(memory._session, tenant, POLICIES[policy], budget, COSTS)


def activated(made: Plan) -> list[str]:
    return [d.cube_id for d in made.decisions if d.form is Form.ACTIVATION]


def used(memory: Memory, ids: Sequence[str], order: str) -> None:
    for number in order:
        memory.get(ids[int(number)])


def test_decisions_taken_over_a_vault_are_those_of_a_replay_of_its_access_log(
    memory: Memory, tenant: str
) -> None:
    ids = memories(memory, tenant)
    taken: dict[int, list[tuple[str, Form, str]]] = {}
    for number, use in enumerate("0120130012331", 1):
        used(memory, ids, use)
        if number == 5:
            memory.update(ids[1], "another text")
        if number % 2 == 0:
            made = planned(memory, tenant, "cost_aware")
            assert made.accesses == number
            record(memory._session, made)
            taken[number] = [(d.cube_id, d.form, d.reason) for d in made.decisions]
            assert plan_again(memory._session, made, POLICIES["cost_aware"], COSTS) == made
    replayed, most = replay_accesses(
        memory._session, tenant, POLICIES["cost_aware"], ROOM_FOR_TWO, COSTS, every=2
    )
    assert {
        step.accesses: [(d.cube_id, d.form, d.reason) for d in step.decisions]
        for step in replayed.steps
    } == taken
    assert sum(map(len, taken.values())) == replayed.changes > 4
    assert 0 < replayed.hits.uses <= most.uses
    assert replayed.requested.uses == 13


def test_a_plan_is_taken_again_whatever_came_after_it(memory: Memory, tenant: str) -> None:
    ids = memories(memory, tenant)
    used(memory, ids, "0112")
    before = planned(memory, tenant)
    record(memory._session, before)
    used(memory, ids, "3330")
    memory.update(ids[1], "another text")
    memory.archive(ids[2])
    record(memory._session, planned(memory, tenant))
    assert plan_again(memory._session, before, POLICIES["lru"], COSTS) == before
    with pytest.raises(InvalidInput, match="policy lru@1, not of lfu@1"):
        plan_again(memory._session, before, POLICIES["lfu"], COSTS)
    assert set(activated(before)) == {ids[1], ids[2]}
    assert activated(planned(memory, tenant, budget=Budget(10 * SIZE))) == [ids[1]]


def test_decisions_are_one_operation_with_their_reasons(memory: Memory, tenant: str) -> None:
    ids = memories(memory, tenant)
    used(memory, ids, "01")
    made = planned(memory, tenant)
    dry = record(memory._session, made, dry_run=True)
    assert {one.cube_id for one in dry.memories} == {ids[0], ids[1]}
    assert (dry.receipts, dry.operation_id, dry.rejected) == ((), "", ())
    assert not list(memory.events(kind="Decided", scope=tenant))
    done = record(memory._session, made)
    assert len(done.receipts) == 2
    entries = list(memory.events(operation=done.operation_id))
    assert {entry.cube_id for entry in entries} == {ids[0], ids[1]}
    for entry in entries:
        assert (entry.kind, entry.policy, entry.choice) == ("Decided", "lru@1", "activation")
        assert entry.reason.startswith("last used 20")
        assert (entry.result, entry.version) == ("accepted", 1)
    *_, last = memory.history(ids[0])
    assert (last.entry.choice, last.version, last.text) == ("activation", 1, TEXT.format(0))
    # What was decided so already is not decided again.
    assert planned(memory, tenant).decisions == ()
    repeated = record(memory._session, made)
    assert (repeated.receipts, repeated.unchanged) == ((), 2)
    nothing = record(memory._session, planned(memory, tenant))
    assert (nothing.receipts, nothing.memories) == ((), ())
    assert memory.audit().ok


def test_a_memory_that_changed_since_the_plan_is_decided_on_anew(
    memory: Memory, tenant: str
) -> None:
    ids = memories(memory, tenant)
    used(memory, ids, "01")
    made = planned(memory, tenant)
    memory.tag(ids[0], "new")
    dry = record(memory._session, made, dry_run=True)
    assert [(one.cube_id, "plan again" in one.reason) for one in dry.rejected] == [(ids[0], True)]
    with pytest.raises(IllegalMove, match="plan again"):
        record(memory._session, made)
    assert not list(memory.events(kind="Decided", scope=tenant))
    record(memory._session, planned(memory, tenant))
    assert len(list(memory.events(kind="Decided", scope=tenant))) == 2


def test_nothing_breaks_of_a_decision_on_what_is_rolled_back_held_or_erased(
    memory: Memory, tenant: str
) -> None:
    ids = memories(memory, tenant)
    memory.update(ids[0], TEXT.format("changed"))
    used(memory, ids, "0123")
    memory.hold(ids[3])
    done = record(memory._session, planned(memory, tenant, budget=Budget(4 * SIZE)))
    assert {receipt.cube_id for receipt in done.receipts} == set(ids)
    memory.rollback(ids[0], to_version=1)
    assert read(memory, ids[0]).text == TEXT.format(0)
    assert planned(memory, tenant, budget=Budget(4 * SIZE)).decisions == ()
    assert memory.rollback(operation=done.operation_id).changes == ()
    plan_of_one = planned(memory, tenant, budget=Budget(SIZE))
    memory.erase(cube_id=ids[1])
    with pytest.raises((IllegalMove, NotFound)):
        record(memory._session, plan_of_one)
    erased = [entry for entry in memory.events(kind="Decided", scope=tenant)
              if entry.cube_id == ids[1]]  # fmt: skip
    assert [(entry.choice, entry.policy, entry.reason) for entry in erased] == [
        ("activation", "lru@1", "")
    ]
    assert [change.text for change in memory.history(ids[1])] == [None] * len(
        memory.history(ids[1])
    )
    assert isinstance(memory.get(ids[1]), Forgotten)
    assert ids[1] not in planned(memory, tenant, budget=Budget(4 * SIZE)).activated
    replay_accesses(memory._session, tenant, POLICIES["lru"], ROOM_FOR_TWO, COSTS)
    assert memory.audit().ok


def test_an_actor_plans_with_what_they_may_read_and_change(
    place: Place, memory: Memory, tenant: str
) -> None:
    ids = memories(memory, tenant, 3)
    memory.set_header(ids[0], readers=["agent:bob"])
    memory.set_header(ids[1], readers=["agent:alice"])
    memory.set_header(ids[2], readers=["agent:bob"], writers=["agent:bob"])
    used(memory, ids, "000111222")
    memory.accesses(scope=tenant)  # what another session has noted is written within a second
    bob = place.open("agent:bob")
    made = planned(bob, tenant, budget=Budget(9 * SIZE))
    assert (made.candidates, made.accesses) == (1, 3)
    assert activated(made) == [ids[2]]
    record(bob._session, made)
    everything = planned(memory, tenant, budget=Budget(9 * SIZE))
    with pytest.raises(Denied):
        record(bob._session, everything)
    elsewhere = place.open("agent:eve", tenant="elsewhere")
    with pytest.raises(Denied):
        planned(elsewhere, tenant)
    with pytest.raises(NotFound):
        record(elsewhere._session, everything)


def test_only_uses_count_and_a_plan_is_none(memory: Memory, tenant: str) -> None:
    ids = memories(memory, tenant)
    memory.history(ids[0])
    memory.list(scope=tenant)
    assert planned(memory, tenant).accesses == 0
    memory.search("one two", scope=tenant, k=3)
    made = planned(memory, tenant)
    assert (made.accesses, len(made.decisions)) == (1, 2)
    planned(memory, tenant)
    assert planned(memory, tenant).accesses == 1
    assert [entry.action for entry in memory.accesses(scope=tenant)].count("schedule") == 4


def test_labels_and_nothing_but_memories_are_candidates(memory: Memory, tenant: str) -> None:
    ids = memories(memory, tenant, 2)
    pinned = memory.add(TEXT.format("p"), scope=tenant, tags=["pinned"]).cube_id
    memory.add(content=b"\0", media_type="image/png", scope=tenant)
    memory.set_vocabulary(tenant, ["pinned"])
    memory.archive(ids[1])
    made = planned(memory, tenant, "labels", Budget(9 * SIZE))
    assert (made.candidates, made.activated) == (2, (pinned,))
    assert made.activated_bytes == SIZE


def test_what_means_the_same_as_what_was_used_is_kept_before_it_is_used(
    meaning_place: MeaningPlace,
) -> None:
    memory, tenant = meaning_place.open(), meaning_place.tenant
    kilns, pottery, boats = (
        memory.add(text, scope=tenant).cube_id
        for text in (
            "Caroline bought a kiln for her clay.",
            "Caroline fires pottery and clay in a kiln.",
            "The harbour master counts the boats.",
        )
    )
    wait_until(lambda: not memory.embedding_lag().waiting, "the texts are embedded")
    assert planned(memory, tenant, "nearness").candidates == 3
    assert planned(memory, tenant, "nearness").decisions == ()
    memory.get(kilns)
    made = plan(memory._session, tenant, POLICIES["nearness"], Budget(1_600), COSTS)
    assert made.activated == tuple(sorted([kilns, pottery]))
    assert boats not in made.activated
    assert plan_again(memory._session, made, POLICIES["nearness"], COSTS) == made


def test_nearness_needs_an_embedder_and_nothing_is_planned_of_nothing(
    memory: Memory, tenant: str
) -> None:
    memories(memory, tenant)
    memory.get(memories(memory, tenant)[0])
    with pytest.raises(InvalidInput, match="embedder"):
        planned(memory, tenant, "nearness")
    assert planned(memory, f"{tenant}none").decisions == ()
