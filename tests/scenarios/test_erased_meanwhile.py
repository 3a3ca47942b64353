"""On servers a subject may be erased between a new memory's key and its event: nobody is stopped."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from memos import Forgotten, Memory, SubjectErased
from memos.infrastructure.engine.distributed.engine import DistributedEngine
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.keys.cassandra.erase_marks import CassandraEraseMarks
from tests.fleet import Fleet
from tests.scenarios.conftest import SECONDS
from tests.scenarios.place import ADMINISTRATOR, read, texts


@pytest.mark.engines
@pytest.mark.timeout(SECONDS)
def test_a_subject_erased_amid_an_add_is_told_and_others_go_on(fleet: Fleet) -> None:
    scope = "meanwhile/x"
    with (
        Memory(fleet.path, actor="agent:ann") as ann,
        Memory(fleet.path, actor=ADMINISTRATOR) as root,
        Memory(fleet.path, actor="agent:bob") as bob,
    ):
        root.add("First about Zoe.", scope=scope, subject="zoe")
        engine = ann._session.engine
        assert isinstance(engine, DistributedEngine)
        wrapped, go = threading.Event(), threading.Event()
        wrap = engine.stores.cube_keys._wrapped

        def slow(*rows: Any) -> Any:
            made = wrap(*rows)
            wrapped.set()
            assert go.wait(SECONDS)
            return made

        engine.stores.cube_keys._wrapped = slow  # type: ignore[method-assign, assignment]
        told: list[SubjectErased] = []

        def add() -> None:
            try:
                ann.add("Ann says that Zoe likes tea.", scope=scope, subject="zoe")
            except SubjectErased as error:
                told.append(error)

        adding = threading.Thread(target=add)
        adding.start()
        try:
            assert wrapped.wait(SECONDS)
            root.erase(subject="zoe")
            bob.add("Bob says something of Zoe.", scope=scope, subject="zoe")
        finally:
            go.set()
            adding.join()
        assert "was erased while it was written" in str(told[0])
        other = bob.add("Somebody else.", scope=scope, subject="yan").cube_id
        assert "Somebody else." in texts(bob.search("says somebody", scope=scope))
        (lost,) = told[0].cube_ids
        assert lost in str(told[0])
        assert root.erase(cube_id=lost).cube_ids == (lost,)
        assert isinstance(root.get(lost), Forgotten)
        assert not isinstance(root.get(other), Forgotten)


STEPS = {
    "before the keys are looked at": (DistributedErasure, "begin_erasure"),
    "between the last look and the key": (CassandraEraseMarks, "destroy_marked"),
}


@pytest.mark.engines
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize(("owner", "step"), STEPS.values(), ids=STEPS.keys())
def test_what_is_added_amid_the_erase_of_a_subjects_last_memory_stays(
    fleet: Fleet, owner: type, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scope = f"last/{step.replace('_', '-')}"
    with (
        Memory(fleet.path, actor=ADMINISTRATOR) as root,
        Memory(fleet.path, actor="agent:ann") as ann,
    ):
        last = root.add("The last about Yan.", scope=scope, subject="yan")
        added: list[str] = []
        do = getattr(owner, step)

        def add_first(*given: Any) -> Any:
            if not added:
                added.append(ann.add("Yan likes tea.", scope=scope, subject="yan").cube_id)
            return do(*given)

        monkeypatch.setattr(owner, step, add_first)
        receipt = root.erase(cube_id=last.cube_id)
        assert added, "the erase did not come this way"
        assert "subject key" not in {artefact.kind for artefact in receipt.artefacts}
        assert texts(ann.search("tea", scope=scope)) == ["Yan likes tea."]
        with Memory(fleet.path, actor="agent:ann") as again:
            assert read(again, added[0]).text == "Yan likes tea."
        receipt = root.erase(cube_id=added[0])
        assert "subject key" in {artefact.kind for artefact in receipt.artefacts}
