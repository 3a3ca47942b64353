"""Export and load: nothing is lost, nothing erased comes back, nothing readable by others leaks."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Denied, Forgotten, InvalidInput, Memory, NotFound, Refused, VaultError
from memos.infrastructure.transfer.wrapping import new_recipient
from memos.interface.migrating import migrate
from memos.kernel.event import id_bytes

SCOPE = "acme/alice/chat"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "first.vault", actor="agent:alice") as opened:
        yield opened


def fill(memory: Memory) -> dict[str, str]:
    """A history with every kind of turn; the ids of its memories by name."""
    moved = memory.add(
        "Caroline moved from Sweden.",
        scope=SCOPE,
        source="conversation:26/D4:3",
        subject="caroline",
        valid_from="2023-05-08T13:56:00Z",
        tags=["household"],
        metadata={"speaker": "Caroline"},
    )
    pots, runs = memory.add_many(
        [
            {"text": "She likes pottery.", "scope": SCOPE, "source": "web:blog/7"},
            {"text": "彼は夜明けに走る。 half a pair: \ud83d", "scope": "acme/bob"},
        ]
    )
    memory.name_cut("before-corrections")
    memory.update(moved.cube_id, "Caroline moved from Norway.", source="web:blog/8")
    merged = memory.merge([pots.cube_id, runs.cube_id], scope=SCOPE)
    secret = memory.add("The safe opens with nightingale.", scope=SCOPE, subject="safe")
    memory.erase(subject="safe")
    memory.archive(moved.cube_id)
    memory.restore(moved.cube_id)
    with pytest.raises(NotFound):
        memory.get("00000000-0000-7000-8000-000000000000")
    memory.search("pottery", scope="acme")
    return {
        "moved": moved.cube_id,
        "pots": pots.cube_id,
        "runs": runs.cube_id,
        "merged": merged.cube_id,
        "secret": secret.cube_id,
    }


@pytest.mark.parametrize("name", ["out.memos", "out.tar", "out"])
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


def test_a_source_is_rolled_back_in_a_loaded_vault(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        plan = memory.rollback(source="web:blog", dry_run=True)
        assert loaded.rollback(source="web:blog").changes == plan.changes
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
        reading = loaded._session.engine.streaming()
        assert reading.usage(id_bytes(ids["moved"])).uses >= 1
        assert reading.usage(id_bytes(gone)).uses == 0
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


def test_the_checksums_are_those_that_sha256sum_checks(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "out")
    command = ["/usr/bin/env", "sha256sum", "--strict", "-c", "manifest-sha256.txt"]
    assert subprocess.run(command, cwd=tmp_path / "out", check=False).returncode == 0


def test_an_export_without_a_wrapping_says_aloud_that_it_is_in_clear(
    memory: Memory, tmp_path: Path
) -> None:
    fill(memory)
    report = memory.export(tmp_path / "out")
    assert report.keys == "clear"
    assert "in clear" in report.warnings[0]
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["keys"] == {"method": "clear"}
    memories = (tmp_path / "out/memories.jsonl").read_text()
    assert "Caroline moved from Norway." in memories


def test_a_wrapped_export_shows_no_text_and_opens_with_the_passphrase_only(
    memory: Memory, tmp_path: Path
) -> None:
    fill(memory)
    report = memory.export(tmp_path / "out", passphrase="correct horse", filter=None)
    assert (report.keys, report.warnings) == ("passphrase", ())
    told = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    for word in (b"Norway", b"pottery", b"conversation:26", b"household", b"caroline"):
        assert word not in told
    with pytest.raises(Refused, match="pass passphrase="):
        Memory.load(tmp_path / "out", into=tmp_path / "second.vault")
    with pytest.raises(Refused, match="not the one"):
        Memory.load(tmp_path / "out", into=tmp_path / "second.vault", passphrase="wrong horse")
    assert not (tmp_path / "second.vault").exists()
    with Memory.load(
        tmp_path / "out", into=tmp_path / "second.vault", passphrase="correct horse"
    ) as loaded:
        assert loaded.digest() == memory.digest()


def test_an_export_to_a_recipient_opens_with_their_private_key_only(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    theirs, other = new_recipient(), new_recipient()
    assert memory.export(tmp_path / "out.memos", recipient=theirs.public).keys == "x25519"
    with pytest.raises(Refused, match="another recipient"):
        Memory.load(
            tmp_path / "out.memos", into=tmp_path / "second.vault", recipient_key=other.private
        )
    with Memory.load(
        tmp_path / "out.memos", into=tmp_path / "second.vault", recipient_key=theirs.private
    ) as loaded:
        assert loaded.get(ids["moved"]) == memory.get(ids["moved"])


def test_no_root_subject_or_signing_key_and_no_key_of_the_erased_is_in_an_export(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out")
    root = (memory.path / "root.key").read_text().strip()
    told = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert root.encode() not in told
    assert bytes.fromhex(root) not in told
    keyed = {
        json.loads(line)["cube_id"]
        for line in (tmp_path / "out/cube-keys.jsonl").read_text().splitlines()
    }
    assert keyed == set(ids.values()) - {ids["secret"]}
    assert b"nightingale" not in told


def test_only_an_administrator_exports_the_whole_vault(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    with Memory(memory.path, actor="agent:bob") as bobs:
        with pytest.raises(Denied, match="pass scope="):
            bobs.export(tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_a_scoped_export_holds_only_what_the_actor_may_read(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    hidden = memory.add("For Alice alone.", scope=SCOPE, readers=["agent:alice"])
    memory.add("Another tenant's.", scope="acme2/x")
    with Memory(memory.path, actor="agent:bob") as bobs:
        report = bobs.export(tmp_path / "out", scope="acme/alice")
    assert not report.complete
    told = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert hidden.cube_id.encode() not in told
    assert b"acme2" not in told
    with Memory.load(tmp_path / "out", into=tmp_path / "second.vault") as loaded:
        assert loaded.stats().memories == 4
        assert loaded.history(ids["moved"])[-1].text == memory.history(ids["moved"])[-1].text
        assert isinstance(loaded.get(ids["secret"]), Forgotten)
        with pytest.raises(NotFound):
            loaded.get(ids["runs"], any_state=True)
        merged = loaded.get(ids["merged"])
        assert not isinstance(merged, Forgotten)
        assert "pottery" in merged.text
        assert loaded.digest() == loaded.rebuild().digest
        assert {edge.source[0] for edge in loaded.lineage(ids["merged"]).edges} == {ids["pots"]}
        assert loaded.rollback(source="web:blog").changes


def test_a_part_keeps_its_first_log_times(memory: Memory, tmp_path: Path) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "out", filter={"tags": "household"})
    with Memory.load(tmp_path / "out", into=tmp_path / "second.vault") as loaded:
        assert loaded.stats().memories == 1
        ours = [change.entry.log_time for change in memory.history(ids["moved"])]
        assert [change.entry.log_time for change in loaded.history(ids["moved"])] == ours


def test_a_path_that_is_taken_is_left_alone(memory: Memory, tmp_path: Path) -> None:
    (tmp_path / "out.memos").write_text("mine")
    with pytest.raises(InvalidInput, match="exists already"):
        memory.export(tmp_path / "out.memos")
    assert (tmp_path / "out.memos").read_text() == "mine"
    memory.export(tmp_path / "good.memos")
    (tmp_path / "full").mkdir()
    (tmp_path / "full/mine.txt").write_text("mine")
    with pytest.raises(VaultError, match="not empty"):
        Memory.load(tmp_path / "good.memos", into=tmp_path / "full")


def test_a_failed_export_leaves_nothing_behind(memory: Memory, tmp_path: Path) -> None:
    fill(memory)

    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory.export(tmp_path / "out.memos", progress=stop)
    assert [file.name for file in tmp_path.iterdir()] == ["first.vault"]


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


def test_only_an_administrator_loads_into_a_vault(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "out")
    Memory(tmp_path / "other.vault", actor="agent:root").close()
    with Memory(tmp_path / "other.vault", actor="agent:bob") as bobs:
        with pytest.raises(Denied):
            bobs.import_export(tmp_path / "out")
        assert bobs.stats().events == 0
    with (
        Memory(tmp_path / "other.vault", actor="agent:root", tenant="acme2") as narrowed,
        pytest.raises(Denied),
    ):
        narrowed.import_export(tmp_path / "out")


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


def test_a_tenants_own_view_exports_its_tenant(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.add("Elsewhere.", scope="acme2/x")
    with Memory(memory.path, actor="agent:alice", tenant="acme2") as narrowed:
        report = narrowed.export(tmp_path / "out")
    assert (report.memories, report.complete) == (1, False)


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


def test_an_export_that_an_erase_overtakes_is_given_up(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(memory)
    # The erase cannot empty the write-ahead log under the export's reading: no use in waiting.
    monkeypatch.setattr("memos.infrastructure.database.BUSY_SECONDS", 0)
    monkeypatch.setattr("memos.infrastructure.embedded.CONFIRM_SECONDS", 0)

    def erase(done: int, total: int) -> None:
        with Memory(memory.path, actor="agent:alice") as other:
            if not isinstance(other.get(ids["moved"]), Forgotten):
                other.erase(subject="caroline")

    with pytest.raises(VaultError, match="erased while"):
        memory.export(tmp_path / "out.memos", progress=erase)
    assert [file.name for file in tmp_path.iterdir()] == ["first.vault"]


def test_a_loaded_vault_knows_where_it_came_from(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "out.memos")
    with Memory.load(tmp_path / "out.memos", into=tmp_path / "second.vault") as loaded:
        assert loaded.load_report is not None
        assert loaded.load_report.origin == f"memos/{memory.stats().vault_id}"
        assert loaded.verifier_key() != memory.verifier_key()
        assert loaded.stats().accesses >= 1
