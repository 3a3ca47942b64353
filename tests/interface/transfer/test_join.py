"""Loads into a vault that has its own memories: neither history is lost or mixed up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memos import Denied, Forgotten, Memory, OtherContent, Receipt
from memos.operation.erasure_receipt import kept_receipt
from tests.interface.transfer.support import SCOPE, fill
from tests.opened import stores_of


def test_an_export_joins_a_vault_that_has_its_own_memories(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory(tmp_path / "other.vault") as other:
        own = other.add("Bob likes tea.", scope="acme/bob", source="web:blog/9")
        report = other.import_export(tmp_path / "out.memos")
        assert report.ok
        assert report.left_out == 1  # the cut
        assert other.get(ids["merged"]) is not None
        assert [change.text for change in other.history(ids["moved"])] == [
            change.text for change in memory.history(ids["moved"])
        ]
        assert {hit.cube_id for hit in other.search("likes", scope="acme")} == {
            own.cube_id,
            ids["merged"],
        }
        undone = {change.cube_id for change in other.rollback(source="web:blog").changes}
        assert {own.cube_id, ids["moved"], ids["pots"]} <= undone
        assert other.verify().ok
        assert other.digest() == other.rebuild().digest


def test_another_opening_of_the_vault_undoes_what_was_joined(
    memory: Memory, tmp_path: Path
) -> None:
    memory.add("The sky is green.", scope="acme", source="web:hoax/7", subject="ann")
    memory.export(tmp_path / "out.memos")
    joining = Memory(tmp_path / "own.vault", actor="agent:alice")
    with joining, Memory(tmp_path / "own.vault", actor="agent:alice") as other:
        own = joining.add("The sky is blue.", scope="acme", source="web:hoax/8").cube_id
        assert len(other.rollback(source="web:hoax", dry_run=True).changes) == 1
        assert len(other.search("sky", scope="acme")) == 1
        joining.import_export(tmp_path / "out.memos")
        assert len(other.search("sky", scope="acme")) == 2
        assert len([*other.events(source="web:hoax")]) == 2
        assert len(other.rollback(source="web:hoax").changes) == 2
        assert len(other.erase(subject="ann").cube_ids) == 1
        assert not [hit for hit in other.search("sky", scope="acme") if hit.cube_id != own]


def test_loading_again_changes_nothing_and_a_later_export_adds_what_is_new(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "one")
    with Memory(tmp_path / "other.vault") as other:
        other.import_export(tmp_path / "one")
        digest, events = other.digest(), other.stats().events
        again = other.import_export(tmp_path / "one")
        assert (again.events, again.ok) == (0, True)
        assert (other.digest(), other.stats().events) == (digest, events)
        memory.update(ids["moved"], "Caroline moved from Finland.")
        memory.export(tmp_path / "two")
        assert other.import_export(tmp_path / "two").events == 1
        moved = other.get(ids["moved"])
        assert not isinstance(moved, Forgotten)
        assert moved.text == "Caroline moved from Finland."


def test_a_key_is_known_wherever_its_memories_went(memory: Memory, tmp_path: Path) -> None:
    def tell(vault: Memory) -> list[Receipt]:
        one = vault.add("Ann likes tea.", scope=SCOPE, idempotency_key="k1")
        two = vault.add("Ann likes jam.", scope=SCOPE, idempotency_key="k2")
        batch = vault.add_many(
            [{"text": "Bob likes rye.", "scope": SCOPE}, {"text": "Bob rests.", "scope": SCOPE}],
            idempotency_key="k3",
        )
        changed = vault.update(one.cube_id, "Ann likes chai.", idempotency_key="k4")
        merged = vault.merge(
            [one.cube_id, two.cube_id], text="Ann likes both.", idempotency_key="k5"
        )
        return [one, two, *batch, changed, merged]

    told = tell(memory)
    memory.export(tmp_path / "out")
    with Memory(tmp_path / "other.vault", actor="agent:alice") as other:
        own = other.add("Of here.", scope=SCOPE, idempotency_key="own").event_id
        other.import_export(tmp_path / "out")
        before = other.digest()
        assert [r.event_id for r in tell(other)] == [r.event_id for r in told]
        assert other.digest() == before
        with pytest.raises(OtherContent):
            other.add("Ann likes rum.", scope=SCOPE, idempotency_key="k1")
        with pytest.raises(OtherContent):
            other.update(told[0].cube_id, "Ann likes rum.", idempotency_key="k4")
        assert other.add("Of here.", scope=SCOPE, idempotency_key="own").event_id == own


def test_receipts_of_erases_are_held_by_every_vault_that_they_come_to(
    memory: Memory, tmp_path: Path
) -> None:
    """A load, a load of a load, and a load into a vault that is there; and a forged one is found."""
    erased = memory.add("Ann likes tea.", scope=SCOPE)
    memory.add("Bob likes tea.", scope=SCOPE)
    receipt = memory.erase(cube_id=erased.cube_id)
    memory.export(tmp_path / "one")
    with Memory.load(tmp_path / "one", into=tmp_path / "second.vault") as second:
        second.export(tmp_path / "two")
    with Memory.load(tmp_path / "two", into=tmp_path / "third.vault") as third:
        assert third.audit().problems == ()
        third.export(tmp_path / "three")
    with Memory(tmp_path / "other.vault") as other:
        other.add("Of here.", scope=SCOPE)
        other.import_export(tmp_path / "three")
        assert other.audit().problems == ()
        stores = stores_of(other)
        ((stored,),) = stores.database.writer.execute("SELECT receipt FROM erasure").fetchall()
        kept = str(stored)
        assert kept_receipt(json.loads(kept)).verify(other.verifier_key())
        forged = kept.replace(erased.cube_id, receipt.operation_id)
        stores.database.write(
            lambda: stores.database.writer.execute("UPDATE erasure SET receipt = ?", (forged,))
        )
        (problem,) = other.audit().problems
        assert "is not the one that was signed" in str(problem)


def test_a_cube_that_went_two_ways_is_refused_and_stays_as_it_is(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "one")
    with Memory(tmp_path / "other.vault") as other:
        other.import_export(tmp_path / "one")
        other.update(ids["moved"], "Changed here.")
        memory.update(ids["moved"], "Changed there.")
        memory.export(tmp_path / "two")
        report = other.import_export(tmp_path / "two")
        assert [(cube.cube_id, "another history" in cube.reason) for cube in report.refused] == [
            (ids["moved"], True)
        ]
        moved = other.get(ids["moved"])
        assert not isinstance(moved, Forgotten)
        assert moved.text == "Changed here."


def test_what_was_erased_here_is_refused_with_all_that_derives_from_it(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "old")
    with Memory.load(tmp_path / "old", into=tmp_path / "second.vault") as second:
        second.erase(subject="caroline")
        digest = second.digest()
        late = memory.add("Her cat is from Oslo.", scope=SCOPE, derived_from=[ids["moved"]])
        about = memory.add("Caroline paints.", scope=SCOPE, subject="caroline")
        memory.export(tmp_path / "new")
        with pytest.warns(UserWarning, match="were refused"):
            Memory.load(tmp_path / "old", into=second.path).close()
        report = second.import_export(tmp_path / "new")
        reasons = {cube.cube_id: cube.reason for cube in report.refused}
        assert reasons[ids["moved"]] == "it was erased here"
        assert "derived from" in reasons[late.cube_id]
        assert about.cube_id not in reasons  # learned after the erase
        assert isinstance(second.get(ids["moved"]), Forgotten)
        assert second.search("Sweden Norway Oslo", scope="acme") == []
        assert second.digest() != digest


def test_another_memory_of_an_erased_subject_is_refused(memory: Memory, tmp_path: Path) -> None:
    first = memory.add("Caroline moved.", scope=SCOPE, subject="caroline")
    memory.export(tmp_path / "one")
    later = memory.add("Caroline paints.", scope=SCOPE, subject="caroline")
    memory.export(tmp_path / "two")
    with Memory.load(tmp_path / "one", into=tmp_path / "second.vault") as second:
        second.erase(subject="caroline")
        report = second.import_export(tmp_path / "two")
        assert {cube.cube_id: cube.reason for cube in report.refused} == {
            first.cube_id: "it was erased here",
            later.cube_id: "its subject was erased here",
        }


def test_an_erase_travels_with_an_export(memory: Memory, tmp_path: Path) -> None:
    gone = memory.add("Zanzibar xylophone quincunx.", scope=SCOPE, subject="caroline")
    memory.export(tmp_path / "one")
    with Memory.load(tmp_path / "one", into=tmp_path / "second.vault") as second:
        assert second.search("quincunx", scope="acme")
        memory.erase(subject="caroline")
        memory.export(tmp_path / "two")
        assert second.import_export(tmp_path / "two").ok
        assert isinstance(second.get(gone.cube_id), Forgotten)
        assert second.search("quincunx", scope="acme") == []
        assert second.digest() == memory.digest() == second.rebuild().digest


@pytest.mark.parametrize("name", ["out", "out.tar"])
def test_only_an_administrator_loads_into_a_vault(
    memory: Memory, tmp_path: Path, name: str
) -> None:
    fill(memory)
    memory.export(tmp_path / name)
    Memory(tmp_path / "other.vault", actor="agent:root").close()
    with Memory(tmp_path / "other.vault", actor="agent:bob") as bobs:
        with pytest.raises(Denied):
            bobs.import_export(tmp_path / name)
        assert bobs.stats().events == 0
    with pytest.raises(Denied):
        Memory.load(tmp_path / name, tmp_path / "other.vault", actor="agent:bob")
    with (
        Memory(tmp_path / "other.vault", actor="agent:root", tenant="acme2") as narrowed,
        pytest.raises(Denied),
    ):
        narrowed.import_export(tmp_path / name)


def test_who_administers_a_tenant_elsewhere_does_not_administer_it_here(tmp_path: Path) -> None:
    with Memory(tmp_path / "theirs", actor="agent:mallory") as theirs:
        theirs.add("pottery", scope="acme")
        theirs.grant_administrator("acme", "agent:mallory")
        theirs.export(tmp_path / "out.memos")
    with Memory(tmp_path / "ours", actor="agent:alice") as ours:
        report = ours.import_export(tmp_path / "out.memos")
        assert (report.events, report.left_out, report.refused) == (1, 1, ())
        assert ours.administrators("acme") == ()
        assert len(ours.search("pottery", scope="acme")) == 1
    with Memory.load(tmp_path / "out.memos", tmp_path / "new", actor="agent:alice") as loaded:
        assert loaded.administrators("acme") == ("agent:mallory",)
