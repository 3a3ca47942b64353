"""What a worker or a writer that lags does once more, when others have gone on: it changes nothing."""

from __future__ import annotations

from typing import Any

import pytest

from memos import AlreadyErased, Held, Memory
from memos.infrastructure.engine.distributed.engine import DistributedEngine
from memos.infrastructure.engine.distributed.writer import DistributedWriter
from memos.infrastructure.log.kafka.settings import event_key
from memos.kernel.consequences import consequences_of
from memos.kernel.event import decode, id_bytes, id_text
from tests.fleet import Fleet
from tests.scenarios.conftest import SECONDS
from tests.scenarios.place import ADMINISTRATOR, read, texts

pytestmark = [pytest.mark.engines, pytest.mark.timeout(SECONDS)]


def engine_of(memory: Memory) -> DistributedEngine:
    engine = memory._session.engine
    assert isinstance(engine, DistributedEngine)
    return engine


def follow_again(memory: Memory, event_id: str) -> None:
    """Append once more what follows from an event, as a worker does that was given up for dead."""
    engine = engine_of(memory)
    with engine.read() as reader:
        attempt = reader.vault.by_event(id_bytes(event_id))
        assert attempt is not None
        event = reader.event(attempt.position)
    followers = consequences_of(decode(event.SerializeToString()))
    assert followers
    records = engine.stores.logs.events.append(
        [(event_key(e.tenant, e.cube_id), e.SerializeToString()) for e in followers]
    )
    for record in records:
        engine.writer.wait_for(record.position, SECONDS)


def test_an_undone_merge_stays_undone(fleet: Fleet) -> None:
    scope = "again/merge"
    with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
        pair = [memory.add(f"Pot number {n}.", scope=scope).cube_id for n in range(2)]
        merged = memory.merge(pair, text="Two pots.")
        memory.rollback(operation=merged.operation_id)
        follow_again(memory, merged.event_id)
        assert [read(memory, cube).text for cube in pair] == ["Pot number 0.", "Pot number 1."]
        assert set(texts(memory.search("pot", scope=scope))) == {"Pot number 0.", "Pot number 1."}
        digest = memory.digest()
        assert memory.rebuild().digest == digest


def test_an_erase_that_was_taken_back_holds_nothing_up(fleet: Fleet) -> None:
    scope = "again/erase"
    with Memory(fleet.path, actor=ADMINISTRATOR) as memory:
        free, held = (memory.add(f"Pot {n}.", scope=scope).cube_id for n in ("free", "held"))
        memory.hold(held)
        with pytest.raises(Held):
            memory.erase(scope=scope)
        (request,) = [e for e in memory.events(cube_id=free) if e.kind == "EraseRequested"]
        with engine_of(memory).read() as reader:
            (asked,) = [
                a for a in reader.vault.attempts(id_bytes(request.operation_id)) if a.sequence == 1
            ]
        memory.lift_hold(held)
        follow_again(memory, id_text(asked.event_id))
        memory.update(free, "Pot of clay.")
        assert set(memory.erase(scope=scope).cube_ids) == {free, held}


def test_a_retry_that_lags_behind_an_erase_brings_no_key_back(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = "again/key"
    with (
        Memory(fleet.path, actor=ADMINISTRATOR) as root,
        Memory(fleet.path, actor="agent:ann") as ann,
    ):
        root.add("Kim has a cat.", scope=scope, subject="kim-again")  # so her key stays
        secret = ann.add(
            "Kim is ill.", scope=scope, subject="kim-again", idempotency_key="k"
        ).cube_id
        keep = DistributedWriter._keep_keys
        late_once = iter([True])
        erased: list[str] = []

        def late(*given: Any) -> None:
            if next(late_once, False):
                erased.extend(root.erase(cube_id=secret).cube_ids)
            keep(*given)

        monkeypatch.setattr(DistributedWriter, "_keep_keys", late)
        with pytest.raises(AlreadyErased):
            ann.add("Kim is ill.", scope=scope, subject="kim-again", idempotency_key="k")
        assert erased == [secret]
        cube_keys = engine_of(root).stores.cube_keys
        cube_keys.forget()
        assert cube_keys.key(id_bytes(secret)) is None


def test_no_reader_sees_the_vault_step_back_when_a_rebuild_takes_its_place(fleet: Fleet) -> None:
    scope = "again/rebuilt"
    with (
        Memory(fleet.path, actor=ADMINISTRATOR) as root,
        Memory(fleet.path, actor="agent:ann") as ann,
    ):
        cube = ann.add("The code is 1234.", scope=scope).cube_id
        written: list[str] = []

        def write(done: int, total: int) -> None:
            if not written:
                ann.set_header(cube, readers=["agent:ann"])
                written.append(ann.add("Written meanwhile.", scope=scope).cube_id)

        root.rebuild(progress=write)
        with Memory(fleet.path, actor="agent:bob") as bob:
            assert texts(bob.search("code", scope=scope)) == []
            assert read(bob, written[0]).text == "Written meanwhile."
