"""What changes between a sweep's look at a memory and its erase is seen by the erase."""

from __future__ import annotations

from typing import Any

import pytest

from memos import Memory
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.kernel.cube import CubeState
from memos.kernel.event import id_bytes
from memos.operation.commands import erase, sweep
from memos.operation.commands.header import header_event
from memos.operation.session import Session
from tests.scenarios.place import Place, read


def change_after_the_look(
    monkeypatch: pytest.MonkeyPatch, memory: Memory, cube_id: str, **facts: Any
) -> None:
    """Have header facts of a memory changed once, when a sweep has judged what an erase reaches."""
    session, waiting = memory._session, [facts]
    looks = sweep._Sweeping._reach

    def look(self: Any, transaction: Transaction, state: CubeState) -> erase.Reach | None:
        reach = looks(self, transaction, state)
        head = transaction.head(id_bytes(cube_id))
        if waiting and head is not None:
            changed = waiting.pop()
            with session.gate.enter("set_header") as passage:
                passage.admit()
                header = head.header._replace(**changed)
                event = header_event(session, passage, head, header, changed)
            transaction.append(Draft(event))
        return reach

    monkeypatch.setattr(sweep._Sweeping, "_reach", look)


def test_a_memory_whose_lifespan_is_extended_after_the_sweep_looked_at_it_is_not_erased(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending = {"after": "1us", "then": "erase"}
    cube = memory.add("kept", scope=tenant, lifespan=ending).cube_id
    derived = memory.add("made of it", scope=tenant, derived_from=[cube]).cube_id
    memory.set_lifespan(derived, after="90d")
    change_after_the_look(monkeypatch, memory, cube, lifespan=None)
    sweeper = place.open(tenant=tenant)
    assert sweeper.sweep().erased == ()
    assert (read(memory, cube).text, read(memory, derived).text) == ("kept", "made of it")
    memory.update(cube, "kept, and changed")
    memory.set_lifespan(cube, after="1us", then="erase")
    assert set(sweeper.sweep().erased) == {cube, derived}


def test_a_request_of_a_sweep_that_was_cut_off_is_withdrawn_where_the_lifespan_was_extended(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cube = memory.add("kept", scope=tenant, lifespan={"after": "1us", "then": "erase"}).cube_id
    change_after_the_look(monkeypatch, memory, cube, lifespan=None)
    monkeypatch.setattr("memos.operation.commands.erase_request.withdraw", lambda *given: None)
    assert place.open(tenant=tenant).sweep().erased == ()
    monkeypatch.undo()
    assert place.open().get(cube) == read(memory, cube)
    memory.update(cube, "kept, and changed")
    assert read(memory, cube).text == "kept, and changed"


def test_a_derived_memory_that_moves_on_after_the_sweep_looked_holds_the_erase_up_until_the_next(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cube = memory.add("brief", scope=tenant, lifespan={"after": "1us", "then": "erase"}).cube_id
    derived = memory.add("made of it", scope=tenant, derived_from=[cube]).cube_id
    memory.set_lifespan(derived, after="90d")
    looks, waiting = erase._with_derived, [derived]

    def look(session: Session, transaction: Transaction, states: Any) -> list[CubeState]:
        found = looks(session, transaction, states)
        while waiting:
            head = transaction.head(id_bytes(waiting.pop()))
            assert head is not None
            with session.gate.enter("set_header") as passage:
                passage.admit()
                header = head.header._replace(owner="agent:carol")
                event = header_event(session, passage, head, header, ["owner"])
            transaction.append(Draft(event))
        return found

    monkeypatch.setattr(erase, "_with_derived", look)
    sweeper = place.open(tenant=tenant)
    assert sweeper.sweep().erased == ()
    assert read(memory, derived).owner == "agent:carol"
    assert set(sweeper.sweep().erased) == {cube, derived}
