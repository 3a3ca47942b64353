"""What a plan sees of an embedded vault, and what becomes of decisions in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, Memory
from memos.infrastructure.governance.access_log import Access
from memos.kernel.event import decode, id_bytes
from memos.operation.scheduler import recording
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.plan import Plan, plan, plan_again, replay_accesses
from memos.operation.scheduler.policies import POLICIES
from memos.operation.scheduler.port import Budget, Decision, Policy, Snapshot
from memos.operation.scheduler.record import record
from tests.interface.cli.support import Shell
from tests.interface.support import damage, flipped, stored

SCOPE = "acme/alice"
COSTS = Costs(bytes_per_token=10, milliseconds_per_token=0.5)
ROOM = Budget(1_000_000)


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor="agent:alice") as opened:
        yield opened


def planned(memory: Memory, policy: Policy = POLICIES["lru"]) -> Plan:
    return plan(memory._session, SCOPE, policy, ROOM, COSTS)


class Noticing:
    """Decides nothing, and keeps what it saw."""

    name = "noticing@1"
    asks_nearness = False

    def __init__(self) -> None:
        self.seen: list[Snapshot] = []

    def decide(self, snapshot: Snapshot, budget: Budget) -> list[Decision]:
        self.seen.append(snapshot)
        return []


def test_a_candidate_has_its_facts_its_costs_and_its_last_uses(memory: Memory) -> None:
    text = "There is a kiln in the shed."
    cube_id = memory.add(text, scope=SCOPE, tags=["kiln"]).cube_id
    memory.set_header(cube_id, priority=3)
    for _ in range(40):
        memory.get(cube_id)
    policy = Noticing()
    plan(memory._session, SCOPE, policy, ROOM, COSTS)
    (seen,) = policy.seen
    (one,) = seen.candidates
    assert (one.cube_id, one.version, one.content_version) == (cube_id, 2, 1)
    assert (one.tokens, one.bytes, one.milliseconds) == (8, 80, 4.0)
    assert (one.tags, one.priority, one.uses, seen.accesses) == (("kiln",), 3, 40, 40)
    assert [use.access for use in one.recent] == list(range(40, 8, -1))
    times = [use.time for use in one.recent]
    assert times == sorted(times, reverse=True)


def test_a_candidate_says_how_stable_it_is_and_how_long_it_lasts(memory: Memory) -> None:
    lasting = memory.add("The kiln is blue.", scope=SCOPE).cube_id
    ending = memory.add("The shed is locked.", scope=SCOPE, lifespan="1h").cube_id
    over = memory.add("The lamp is on.", scope=SCOPE, valid_until="2990-01-01").cube_id
    for _ in range(3):
        memory.get(lasting)
    memory.update(lasting, "The kiln is green.")
    memory.tag(lasting, "colour")
    memory.get(lasting)
    policy = Noticing()
    costs = replace(COSTS, adapter_bytes=70, training_milliseconds=9.0)
    plan(memory._session, SCOPE, policy, ROOM, costs)
    one, two, three = policy.seen[0].candidates
    assert [each.cube_id for each in (one, two, three)] == [lasting, ending, over]
    assert (one.changes, one.uses, one.unchanged_uses, one.remaining) == (1, 4, 1, None)
    assert (one.adapter_bytes, one.training_milliseconds) == (70, 9.0)
    assert two.remaining is not None
    assert three.remaining is not None
    assert 0 < two.remaining <= 3_600 * 1_000_000 < three.remaining
    assert 0 < one.unchanged < two.unchanged
    memory.rollback(lasting, to_version=1)
    plan(memory._session, SCOPE, policy, ROOM, costs)
    assert policy.seen[1].candidates[0].changes == 2


def test_an_access_that_is_noted_late_changes_no_plan_that_was_made(memory: Memory) -> None:
    first, second = (memory.add(text, scope=SCOPE).cube_id for text in ("kilns", "lakes"))
    early = memory._session.clock()
    memory.get(first)
    made = planned(memory)
    log = memory._session.access_log
    log.record(Access("agent:bob", "get", SCOPE, early, [(id_bytes(second), 1)]))
    log.flush()
    assert plan_again(memory._session, made, POLICIES["lru"], COSTS) == made
    later = planned(memory)
    assert (later.accesses, set(later.activated)) == (2, {first, second})


def test_an_erase_takes_a_memory_out_of_a_plan_and_moves_no_other(memory: Memory) -> None:
    first, second, third = (memory.add(text, scope=SCOPE).cube_id for text in ("a", "b", "c"))
    for cube_id in (first, second, third, first):
        memory.get(cube_id)
    made = planned(memory)
    memory.erase(cube_id=second)
    again = plan_again(memory._session, made, POLICIES["lru"], COSTS)
    assert again.accesses == made.accesses == 4
    assert again.decisions == tuple(d for d in made.decisions if d.cube_id != second)
    replayed, _ = replay_accesses(memory._session, SCOPE, POLICIES["lru"], ROOM, COSTS)
    assert (len(replayed.steps), replayed.requested.uses, replayed.hits.uses) == (4, 3, 1)


def test_a_memory_that_cannot_be_read_is_passed_over(memory: Memory, tmp_path: Path) -> None:
    kept, lost = (memory.add(text, scope=SCOPE).cube_id for text in ("kilns", "lakes"))
    for cube_id in (kept, lost):
        memory.get(cube_id)
    position = next(iter(memory.history(lost))).entry.position
    memory.close()
    vault = tmp_path / "test.vault"
    sql = f"SELECT data FROM event WHERE offset = {position.offset}"
    data = stored(vault, sql)
    flipped_body = flipped(data, data.index(decode(data).body.box) + 20)
    damage(vault, f"UPDATE event SET data = ? WHERE offset = {position.offset}", flipped_body)
    with Memory(vault, actor="agent:alice") as opened:
        made = planned(opened)
        assert (made.candidates, made.activated) == (1, (kept,))
        replayed, _ = replay_accesses(opened._session, SCOPE, POLICIES["lru"], ROOM, COSTS)
        assert replayed.requested.uses == 1


def test_a_plan_of_too_many_memories_says_so(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.add_many([{"text": f"Note {n}.", "scope": SCOPE} for n in range(3)])
    monkeypatch.setattr(recording, "MOST_CANDIDATES", 2)
    with pytest.raises(InvalidInput, match="3 memories in acme/alice"):
        planned(memory)


def test_decisions_go_with_an_export_and_a_rebuild_keeps_them(
    memory: Memory, tmp_path: Path
) -> None:
    cube_id = memory.add("There is a kiln.", scope=SCOPE).cube_id
    memory.get(cube_id)
    record(memory._session, planned(memory))
    digest = memory.digest()
    assert memory.rebuild().digest == digest
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", tmp_path / "new.vault", actor="agent:alice") as loaded:
        assert loaded.history(cube_id) == memory.history(cube_id)
        made = planned(loaded)
        assert (made.decisions, made.activated) == ((), (cube_id,))
        assert loaded.digest() == digest


def test_the_program_tells_of_a_decision(tmp_path: Path, memory: Memory) -> None:
    cube_id = memory.add("There is a kiln.", scope=SCOPE).cube_id
    memory.get(cube_id)
    record(memory._session, planned(memory))
    shell = Shell(tmp_path / "test.vault")
    history = shell.run("history", cube_id).out
    assert "version 1  Decided by agent:alice" in history
    assert "decided: activation by lru@1" in history
    assert "reason: last used 20" in history
    line = shell.run("events", "--kind", "Decided").out
    assert "activation by lru@1  because last used 20" in line
    told = json.loads(shell.run("events", "--kind", "Decided", "--json").out)["result"]
    assert (told["policy"], told["choice"]) == ("lru@1", "activation")


@pytest.mark.parametrize(
    "given",
    [
        {"bytes_per_token": 0},
        {"bytes_per_token": 1.5},
        {"bytes_per_token": True},
        {"milliseconds_per_token": -1},
        {"milliseconds_per_memory": float("nan")},
    ],
)
def test_costs_are_figures(given: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        Costs(**{"bytes_per_token": 10, "milliseconds_per_token": 1.0, **given})


def test_accesses_by_several_threads_beside_plans_are_all_counted_once(memory: Memory) -> None:
    ids = [memory.add(f"Note {n}.", scope=SCOPE).cube_id for n in range(4)]
    with ThreadPoolExecutor(4) as threads:
        reads = [threads.submit(memory.get, ids[n % 4]) for n in range(200)]
        plans = [threads.submit(planned, memory) for _ in range(10)]
        made = [each.result() for each in plans]
        assert all(each.result() for each in reads)
    for one in made:
        assert plan_again(memory._session, one, POLICIES["lru"], COSTS) == one
    assert planned(memory).accesses == 200
