"""Loads into a new vault: nothing is lost, and nothing erased comes back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from memos import Forgotten, Memory, Refused
from memos.interface.vaults import migrate
from memos.kernel.event import id_bytes
from tests.interface.transfer.support import SCOPE, fill


@pytest.mark.parametrize("name", ["out.memos", "out.tar", "out.zip", "OUT.ZIP", "out"])
def test_a_loaded_vault_is_the_one_that_was_exported(
    memory: Memory, tmp_path: Path, name: str
) -> None:
    ids = fill(memory)
    report = memory.export(tmp_path / name)
    assert report.complete
    assert (report.memories, report.tombstones) == (4, 1)
    with Memory.load(tmp_path / name, into=tmp_path / "second.vault", actor="agent:zoe") as loaded:
        assert loaded.load_report is not None
        assert loaded.load_report.ok
        assert loaded.digest() == memory.digest()
        assert loaded.checkpoint().root == memory.checkpoint().root
        assert loaded.verify().ok
        assert list(loaded.events()) == list(memory.events())
        assert loaded.history(ids["moved"]) == memory.history(ids["moved"])
        assert loaded.lineage(ids["merged"]) == memory.lineage(ids["merged"])
        assert loaded.cuts() == memory.cuts()
        for cube_id in ids.values():
            assert loaded.get(cube_id, any_state=True) == memory.get(cube_id, any_state=True)
        before = loaded.get(ids["moved"], as_of="before-corrections")
        assert not isinstance(before, Forgotten)
        assert before.text == "Caroline moved from Sweden."
        assert isinstance(loaded.get(ids["secret"]), Forgotten)
        assert loaded.rebuild().digest == memory.digest()


def test_search_in_a_loaded_vault_gives_the_same_hits(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        for query in ("pottery", "Caroline Norway", "夜明け", "safe"):
            for as_of in (None, "before-corrections"):
                ours = memory.search(query, scope="acme", as_of=as_of)
                theirs = loaded.search(query, scope="acme", as_of=as_of)
                assert [(h.cube_id, h.text, h.score) for h in theirs] == [
                    (h.cube_id, h.text, h.score) for h in ours
                ]


def test_a_retry_of_what_was_exported_is_known_in_a_loaded_vault(
    memory: Memory, tmp_path: Path
) -> None:
    first = memory.add("Told once.", scope=SCOPE, idempotency_key="key")
    memory.export(tmp_path / "out.memos")
    actor = memory.history(first.cube_id)[0].entry.actor
    for name in ("second", "third"):
        with Memory.load(tmp_path / "out.memos", tmp_path / name, actor=actor) as loaded:
            again = loaded.add("Told once.", scope=SCOPE, idempotency_key="key")
            assert (again.cube_id, again.event_id) == (first.cube_id, first.event_id)
            loaded.export(tmp_path / f"of-{name}.memos")
        (tmp_path / "out.memos").unlink()
        (tmp_path / f"of-{name}.memos").rename(tmp_path / "out.memos")


def test_a_source_is_rolled_back_in_a_loaded_vault(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        plan = memory.rollback(source="web:blog", dry_run=True)
        planned = [replace(change, text="", text_after="") for change in plan.changes]
        assert list(loaded.rollback(source="web:blog").changes) == planned
        moved = loaded.get(ids["moved"])
        assert not isinstance(moved, Forgotten)
        assert moved.text == "Caroline moved from Sweden."
        assert loaded.digest() == loaded.rebuild().digest


def test_a_subject_is_erased_in_a_loaded_vault(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        assert loaded.erase(subject="caroline").cube_ids == (ids["moved"],)
        assert isinstance(loaded.get(ids["moved"]), Forgotten)


def test_an_export_of_a_loaded_vault_loads_again(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "one")
    with Memory.load(tmp_path / "one", into=tmp_path / "second.vault") as second:
        second.add("One more.", scope=SCOPE)
        second.export(tmp_path / "two")
        with Memory.load(tmp_path / "two", into=tmp_path / "third.vault") as third:
            assert third.digest() == second.digest()
            assert third.checkpoint().root == second.checkpoint().root


def test_a_load_brings_back_no_usage_of_what_was_erased(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    gone = memory.add("The door opens with a robin.", scope=SCOPE).cube_id
    for cube_id in (gone, ids["moved"]):
        memory.get(cube_id)
    memory.erase(cube_id=gone)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        with loaded._session.engine.stream() as reader:
            assert reader.usage(id_bytes(ids["moved"])).uses >= 1
            assert reader.usage(id_bytes(gone)).uses == 0
        assert loaded.usage_digest() == memory.usage_digest()


def test_the_cuts_of_a_vault_that_was_moved_travel_with_its_export(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    migrate(memory.path, tmp_path / "moved.vault", actor="agent:alice")
    with Memory(tmp_path / "moved.vault", actor="agent:alice") as moved:
        moved.export(tmp_path / "out.memos")
        cuts = moved.cuts()
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        assert loaded.cuts() == cuts
        before = loaded.get(ids["moved"], as_of="before-corrections")
        assert getattr(before, "text", "") == "Caroline moved from Sweden."


def test_a_settings_file_of_a_directory_takes_a_load(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "out.memos")
    settings = tmp_path / "second.toml"
    settings.write_text('engine = "embedded"\npath = "second.vault"\n')
    with Memory.load(tmp_path / "out.memos", into=settings, actor="agent:zoe") as loaded:
        assert loaded.digest() == memory.digest()
    with Memory.load(tmp_path / "out.memos", into=settings, actor="agent:zoe") as again:
        assert again.load_report is not None
        assert again.load_report.events == 0


def test_an_empty_vault_travels(memory: Memory, tmp_path: Path) -> None:
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        assert loaded.digest() == memory.digest()


def test_a_part_keeps_its_first_log_times(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out", filter={"tags": "household"})
    with Memory.load(tmp_path / "out", into=tmp_path / "second.vault") as loaded:
        assert loaded.stats().memories == 1
        ours = [change.entry.log_time for change in memory.history(ids["moved"])]
        assert [change.entry.log_time for change in loaded.history(ids["moved"])] == ours


def test_an_export_of_another_vault_than_the_trusted_one_is_refused(
    memory: Memory, tmp_path: Path
) -> None:
    fill(memory)
    memory.export(tmp_path / "out")
    with Memory(tmp_path / "other.vault") as other:
        wanted = other.verifier_key()
    with pytest.raises(Refused, match="not by the vault"):
        Memory.load(tmp_path / "out", into=tmp_path / "second.vault", verifier_key=wanted)
    key = memory.verifier_key()
    Memory.load(tmp_path / "out", into=tmp_path / "second.vault", verifier_key=key).close()


def test_many_events_are_flushed_on_the_way(memory: Memory, tmp_path: Path) -> None:
    for start in range(0, 5000, 1000):
        memory.add_many(
            {"text": f"Fact number {number}.", "scope": SCOPE}
            for number in range(start, start + 1000)
        )
    told: list[tuple[int, int]] = []
    memory.export(tmp_path / "out.memos")
    with Memory.load(
        tmp_path / "out.memos",
        into=tmp_path / "second.vault",
        progress=lambda done, total: told.append((done, total)),
    ) as loaded:
        assert loaded.digest() == memory.digest() == loaded.rebuild().digest
        assert told == sorted(told)
        assert told[-1][0] <= told[-1][1]
        assert told


def test_a_loaded_vault_knows_where_it_came_from(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        assert loaded.load_report is not None
        assert loaded.load_report.origin == f"memos/{memory.stats().vault_id}"
        assert loaded.verifier_key() != memory.verifier_key()
        assert loaded.stats().accesses >= 1
