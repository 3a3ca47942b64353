"""Two who erase the same memories at once: both end with the memories gone, none is told to thaw."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier
from typing import Any

import pytest

from memos import ErasureReceipt, Forgotten, Memory, NotApplied, NotFound
from memos.infrastructure.engine.commit import Draft
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.keyed_digest import SUBJECT
from memos.operation.commands import destroy
from memos.operation.commands.draft import operation_event
from tests.scenarios.place import ADMINISTRATOR, Place, read


def request_erase(memory: Memory, tenant: str, *cube_ids: str) -> str:
    """Ask for an erase and leave it there, as a process that is killed does; its operation."""
    session = memory._session
    operation_id = session.new_id()
    event = operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant)
    for cube_id in cube_ids:
        event.erase_requested.targets.add(cube_id=id_bytes(cube_id), scope=tenant)
    session.engine.writer.transact(lambda transaction: transaction.append(Draft(event)))
    return id_text(operation_id)


def test_whoever_erases_what_is_being_erased_ends_that_erase(
    place: Place, memory: Memory, tenant: str
) -> None:
    first, second, third = (memory.add(f"text {n}", scope=tenant).cube_id for n in range(3))
    operation = request_erase(memory, tenant, first, second)
    receipt = memory.erase(cube_id=first)
    assert receipt.operation_id == operation
    assert set(receipt.cube_ids) == {first, second}
    assert receipt.gone
    assert receipt.verify(memory.verifier_key())
    assert read(memory, third).text == "text 2"
    with pytest.raises(NotFound):
        memory.erase(cube_id=first)


def test_an_erase_of_more_ends_the_one_under_way_and_erases_the_rest(
    memory: Memory, tenant: str
) -> None:
    first, second, third = (memory.add(f"text {n}", scope=tenant).cube_id for n in range(3))
    operation = request_erase(memory, tenant, first)
    receipt = memory.erase(scope=tenant)
    assert set(receipt.cube_ids) == {second, third}
    assert [joined.operation_id for joined in receipt.supplements] == [operation]
    assert receipt.gone
    assert not any(memory.get(cube_id) for cube_id in (first, second, third))


def test_an_erase_that_a_held_cube_refused_is_withdrawn_by_whoever_meets_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    first, held = (memory.add(f"text {n}", scope=tenant).cube_id for n in range(2))
    memory.freeze(held)
    request_erase(memory, tenant, first, held)
    assert memory.erase(cube_id=first).gone
    assert read(memory, held).text == "text 1"
    memory.thaw(held)
    memory.update(held, "still here")
    assert isinstance(memory.get(first), Forgotten)


def test_a_request_that_was_refused_is_withdrawn_when_the_vault_is_opened(
    place: Place, memory: Memory, tenant: str
) -> None:
    first, held = (memory.add(f"text {n}", scope=tenant).cube_id for n in range(2))
    memory.freeze(held)
    request_erase(memory, tenant, first, held)
    place.open()
    memory.update(first, "no longer asked for")
    assert read(memory, held).text == "text 1"


def test_a_receipt_of_anothers_erase_names_only_what_the_caller_may_see(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob = place.open(f"agent:bob-{tenant}")
    his = bob.add("his", scope=tenant).cube_id
    hidden = memory.add("hers", scope=tenant, readers=[ADMINISTRATOR]).cube_id
    request_erase(memory, tenant, his, hidden)
    receipt = bob.erase(cube_id=his)
    assert receipt.cube_ids == (his,)
    assert hidden not in str(receipt)
    assert receipt.gone
    assert isinstance(memory.get(hidden), Forgotten)


def test_erases_that_overlap_at_once_all_end_with_the_memories_gone(
    place: Place, memory: Memory, tenant: str
) -> None:
    writers = [memory, place.open()]
    for turn in range(4):
        scope = f"{tenant}/{turn}"
        cubes = [memory.add(f"text {n}", scope=scope).cube_id for n in range(6)]
        with ThreadPoolExecutor(4) as threads:
            asked = [
                threads.submit(writers[0].erase, scope=scope),
                threads.submit(writers[1].erase, scope=scope),
                threads.submit(writers[0].erase, cube_id=cubes[0]),
                threads.submit(writers[1].erase, cube_id=cubes[5]),
            ]
        receipts: list[ErasureReceipt] = []
        for each in asked:
            with suppress(NotFound):  # it came when all was gone
                receipts.append(each.result())
        assert receipts
        assert all(receipt.gone for receipt in receipts)
        assert not any(memory.get(cube_id) for cube_id in cubes)


def digest_of(memory: Memory, tenant: str, subject: str) -> bytes:
    return memory._session.digests.lookups(tenant, SUBJECT, subject)[0]


def has_key(memory: Memory, tenant: str, subject: str) -> bool:
    """Whether the subject's key is kept, by what is stored now."""
    keys = memory._session.engine.keys
    keys.refresh()
    return keys.subject_key(tenant, digest_of(memory, tenant, subject), create=False) is not None


def test_a_subject_whose_memories_went_with_two_erases_at_once_has_no_key(
    memory: Memory, tenant: str
) -> None:
    """Each of the two saw that the other's memory needs the key."""
    first, second = (memory.add(f"Ann {n}", scope=tenant, subject=tenant).cube_id for n in range(2))
    for cube_id in (first, second):
        request_erase(memory, tenant, cube_id)
    receipt = memory.erase(subject=tenant)
    assert receipt.gone
    assert not has_key(memory, tenant, tenant)
    named = [one.name for each in (receipt, *receipt.supplements) for one in each.artefacts]
    assert digest_of(memory, tenant, tenant).hex() in named


def test_two_erases_and_an_add_of_one_subject_end_with_the_key_that_the_add_needs(
    place: Place, memory: Memory, tenant: str
) -> None:
    """Three writers at once, again and again: what is acknowledged is readable or gone, as it says."""
    erasers, adder = [memory, place.open()], place.open()
    for turn in range(4):
        name = f"ann{turn}"
        cubes = [memory.add(f"Ann {n}", scope=tenant, subject=name).cube_id for n in range(2)]
        ready = Barrier(3)

        def erase(eraser: Memory, cube_id: str, ready: Barrier = ready) -> ErasureReceipt:
            ready.wait()
            return eraser.erase(cube_id=cube_id)

        def add(name: str = name, ready: Barrier = ready) -> str | None:
            ready.wait()
            try:
                return adder.add("Ann again", scope=tenant, subject=name).cube_id
            except NotApplied:
                return None  # its key was destroyed in between, and the caller knows

        with ThreadPoolExecutor(3) as threads:
            asked = [threads.submit(erase, *both) for both in zip(erasers, cubes, strict=True)]
            added = threads.submit(add).result()
        assert all(each.result().gone for each in asked)
        assert not any(memory.get(cube_id) for cube_id in cubes)
        assert has_key(memory, tenant, name) is (added is not None)
        if added is not None:
            assert read(memory, added).text == "Ann again"
        else:
            memory.add("Ann anew", scope=tenant, subject=name)


def test_two_erases_that_look_at_the_same_moment_leave_no_key_of_their_subject(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if place.is_embedded:
        pytest.skip("one transaction destroys and writes Erased, and the next one sees it")
    other = place.open()
    cubes = [memory.add(f"Bea {n}", scope=tenant, subject="bea").cube_id for n in range(2)]
    looked, write = Barrier(2), destroy._write_erased

    def write_erased(*given: Any) -> int:
        looked.wait(60)  # both have looked who needs the key
        return write(*given)

    monkeypatch.setattr(destroy, "_write_erased", write_erased)
    with ThreadPoolExecutor(2) as threads:
        asked = [
            threads.submit(eraser.erase, cube_id=cube_id)
            for eraser, cube_id in zip((memory, other), cubes, strict=True)
        ]
    assert all(each.result().gone for each in asked)
    assert not has_key(memory, tenant, "bea")
