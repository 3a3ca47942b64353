"""An operation over more memories than an event can name is several events, and still one command."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memos import EraseUnfinished, Forgotten, Held, Memory, NotFound, VaultError
from memos.operation.commands import destroy, erase, parts
from memos.operation.gate import Passage
from memos.operation.session import Session
from tests.scenarios.place import Place, read

PART_BYTES = 400
"""An event that names about four memories."""


@pytest.fixture(autouse=True)
def small_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_BYTES", PART_BYTES)


def add_many(memory: Memory, tenant: str) -> tuple[list[str], list[str]]:
    """Memories of one subject, and what was made of each."""
    cubes = [
        memory.add(f"text {n}", scope=tenant, subject=f"ann-{tenant}").cube_id for n in range(8)
    ]
    made = [
        memory.add(f"of {cube}", scope=f"{tenant}/made", derived_from=[cube]).cube_id
        for cube in cubes
    ]
    return cubes, made


def test_an_erase_of_many_memories_is_done_in_parts_and_ends_with_their_subject(
    memory: Memory, tenant: str
) -> None:
    cubes, made = add_many(memory, tenant)
    source = memory.add("merged", scope=tenant, subject=f"bob-{tenant}").cube_id
    merged = memory.merge([cubes[0], source]).cube_id
    receipt = memory.erase(subject=f"ann-{tenant}")
    receipts = [*receipt.supplements, receipt]
    assert len(receipts) > 3
    erased = [raw for part in receipts for raw in part.cube_ids]
    assert sorted(erased) == sorted([*cubes, *made, merged])
    assert all(part.gone and part.verify(memory.verifier_key()) for part in receipts)
    keys = [[a for a in part.artefacts if a.kind == "subject key"] for part in receipts]
    assert keys[-1]
    assert not any(keys[:-1])
    assert [raw for part in receipts for raw in part.restored] == [source]
    assert read(memory, source).text == "merged"
    assert all(isinstance(memory.get(raw), Forgotten) for raw in erased)


def test_one_that_is_held_refuses_an_erase_of_many_whole(memory: Memory, tenant: str) -> None:
    cubes, made = add_many(memory, tenant)
    memory.hold(cubes[3])
    with pytest.raises(Held, match="nothing was erased") as refused:
        memory.erase(scope=tenant)
    assert refused.value.cube_ids == (cubes[3],)
    for cube in (*cubes[:3], *made):
        memory.update(cube, "still here")
    memory.lift_hold(cubes[3])
    receipt = memory.erase(scope=tenant)
    erased = [raw for part in (*receipt.supplements, receipt) for raw in part.cube_ids]
    assert sorted(erased) == sorted([*cubes, *made])


def test_a_lifespan_of_which_much_was_made_ends_in_parts(
    place: Place, memory: Memory, tenant: str
) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    made = [memory.add(f"{n}", scope=tenant, derived_from=[cube]).cube_id for n in range(9)]
    memory.set_lifespan(cube, after="1us", then="erase")
    assert set(place.open(tenant=tenant).sweep().erased) == {cube, *made}


def test_a_rollback_of_many_memories_is_done_in_parts(
    place: Place, memory: Memory, tenant: str
) -> None:
    eve = place.open("agent:eve")
    cubes = [memory.add(f"text {n}", scope=tenant).cube_id for n in range(9)]
    for cube in cubes:
        eve.update(cube, "wrong")
    done = memory.rollback(actor="agent:eve", scope=tenant)
    assert len(done.operation_ids) > 1
    assert done.rejected == ()
    assert [read(memory, cube).text for cube in cubes] == [f"text {n}" for n in range(9)]


def test_an_erase_in_parts_that_was_cut_off_goes_on_when_the_vault_is_opened(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    cubes, made = add_many(memory, tenant)

    def cut_off(session: Session, operation_ids: Sequence[bytes], passage: Passage) -> None:
        destroy.finish_erases(session, operation_ids[:1], passage)
        raise VaultError("the process is gone")

    with monkeypatch.context() as patch:
        patch.setattr(erase, "finish_erases", cut_off)
        with pytest.raises(EraseUnfinished):
            memory.erase(subject=f"ann-{tenant}")
    place.open()
    assert all(isinstance(memory.get(raw), Forgotten) for raw in (*cubes, *made))
    with pytest.raises(NotFound):
        memory.erase(subject=f"ann-{tenant}")
    memory.add("anew", scope=tenant, subject=f"ann-{tenant}")
    assert memory.erase(subject=f"ann-{tenant}").gone
