"""Exports: nothing erased and nothing readable by others is in one."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from memos import Denied, Forgotten, InvalidInput, Memory, NotFound, Refused, VaultError
from memos.infrastructure.transfer.wrapping import new_recipient
from tests.interface.transfer.support import SCOPE, fill


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


def test_a_part_of_a_vault_does_not_say_how_long_its_log_is(memory: Memory, tmp_path: Path) -> None:
    mine = memory.add("Mine.", scope=SCOPE)
    for _ in range(3):
        memory.add("Another tenant's.", scope="acme2/x")
    told: list[tuple[int, int]] = []
    memory.export(tmp_path / "out", scope=SCOPE, progress=lambda *done: told.append(done))
    size = int((tmp_path / "out/checkpoint.txt").read_text().splitlines()[1])
    assert size == mine.position.offset + 1
    assert {total for _, total in told} == {0}
    with Memory.load(tmp_path / "out", into=tmp_path / "second.vault") as loaded:
        assert [hit.text for hit in loaded.search("mine", scope=SCOPE)] == ["Mine."]


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
        assert loaded.stats().memories == 3
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


def test_a_tenants_own_view_exports_its_tenant(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.add("Elsewhere.", scope="acme2/x")
    with Memory(memory.path, actor="agent:alice", tenant="acme2") as narrowed:
        report = narrowed.export(tmp_path / "out")
    assert (report.memories, report.complete) == (1, False)


@pytest.mark.parametrize("actor", ["agent:alice", "root"])
def test_nobody_who_is_narrowed_to_a_tenant_exports_an_increment(
    memory: Memory, tmp_path: Path, actor: str
) -> None:
    fill(memory)
    memory.export(tmp_path / "whole")
    with (
        memory.as_actor(actor, tenant="acme") as narrowed,
        pytest.raises(InvalidInput, match=r"narrowed to the tenant acme: leave since= out"),
    ):
        narrowed.export(tmp_path / "increment", since=tmp_path / "whole")
    assert not (tmp_path / "increment").exists()


def test_an_export_that_an_erase_overtakes_is_given_up(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = fill(memory)
    # The erase cannot empty the write-ahead log under the export's reading: no use in waiting.
    monkeypatch.setattr("memos.infrastructure.sqlite.connections.BUSY_SECONDS", 0)
    monkeypatch.setattr("memos.infrastructure.engine.embedded.erasure.CONFIRM_SECONDS", 0)

    def erase(done: int, total: int) -> None:
        with Memory(memory.path, actor="agent:alice") as other:
            if not isinstance(other.get(ids["moved"]), Forgotten):
                other.erase(subject="caroline")

    with pytest.raises(VaultError, match="erased while"):
        memory.export(tmp_path / "out.memos", progress=erase)
    assert [file.name for file in tmp_path.iterdir()] == ["first.vault"]
