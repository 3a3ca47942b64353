"""Increments: what came behind an earlier export, and the vault that all of them make together."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from memos import Forgotten, InvalidInput, MemCube, Memory, Refused
from memos.infrastructure.transfer.wrapping import new_recipient
from memos.interface.vaults import restore_vault
from tests.interface.transfer.support import SCOPE, fill

WORDS = "correct horse"


def texts(path: Path, name: str) -> list[str]:
    return (path / name).read_text().splitlines()


def three_exports(memory: Memory, directory: Path) -> tuple[list[Path], dict[str, str]]:
    """A whole export and two increments, and the ids of what is in them by name."""
    ids = fill(memory)
    paths = [directory / name for name in ("monday", "tuesday.memos", "friday.zip")]
    memory.export(paths[0], passphrase=WORDS)
    memory.update(ids["moved"], "Caroline moved from Denmark.")
    ids["kiln"] = memory.add("Her kiln is warm.", scope=SCOPE, subject="kiln").cube_id
    memory.name_cut("tuesday")
    memory.erase(cube_id=ids["merged"])
    memory.export(paths[1], since=paths[0], passphrase=WORDS)
    memory.erase(subject="kiln")
    memory.search("pottery", scope="acme")
    ids["lake"] = memory.add("She swims in the lake.", scope=SCOPE).cube_id
    memory.export(paths[2], since=paths[1], passphrase=WORDS)
    return paths, ids


def test_an_export_and_its_increments_make_the_same_vault(memory: Memory, tmp_path: Path) -> None:
    paths, ids = three_exports(memory, tmp_path)
    with Memory.load(paths, tmp_path / "copy.vault", passphrase=WORDS) as copy:
        assert copy.digest() == memory.digest()
        assert copy.verify().ok
        assert copy.audit().ok
        assert copy.cuts() == memory.cuts()
        for cube_id in ids.values():
            ours, theirs = (each.get(cube_id, any_state=True) for each in (memory, copy))
            assert getattr(theirs, "text", None) == getattr(ours, "text", None)
            assert [c.entry.log_time for c in copy.history(cube_id)] == [
                c.entry.log_time for c in memory.history(cube_id)
            ]
        assert isinstance(copy.get(ids["kiln"]), Forgotten)
        report = copy.import_export(paths, passphrase=WORDS)
        assert (report.events, report.refused) == (0, ())
    stored = b"".join(file.read_bytes() for file in (tmp_path / "copy.vault").iterdir())
    assert b"kiln is warm" not in stored


def test_an_increment_holds_what_came_behind_and_is_not_read_from_the_whole(
    memory: Memory, tmp_path: Path
) -> None:
    ids = fill(memory)
    memory.export(tmp_path / "base")
    whole = len(texts(tmp_path / "base", "events.jsonl"))
    # Of the base an increment reads what is signed, and nothing else.
    (tmp_path / "base" / "events.jsonl").write_text("")
    memory.update(ids["moved"], "Caroline moved from Denmark.")
    lake = memory.add("She swims in the lake.", scope=SCOPE)
    report = memory.export(tmp_path / "increment", since=tmp_path / "base")
    assert (report.complete, report.since, report.memories) == (True, tmp_path / "base", 1)
    lines = [json.loads(line) for line in texts(tmp_path / "increment", "events.jsonl")]
    assert [line["position"] for line in lines] == [f"0:{whole}", f"0:{whole + 1}"]
    (key,) = texts(tmp_path / "increment", "cube-keys.jsonl")
    assert json.loads(key)["cube_id"] == lake.cube_id


def test_increments_are_refused_alone_out_of_order_with_a_gap_or_of_another_vault(
    memory: Memory, tmp_path: Path
) -> None:
    (first, second, third), _ = three_exports(memory, tmp_path)
    with Memory(tmp_path / "other.vault", actor="agent:alice") as other:
        other.add("Another's.", scope=SCOPE)
        other.export(tmp_path / "others", passphrase=WORDS)
        with pytest.raises(Refused, match="another vault"):
            other.export(tmp_path / "more", since=first, passphrase=WORDS)
    memory.export(tmp_path / "later", passphrase=WORDS)
    for paths, reason in (
        ([second], "the first export is an increment"),
        ([first, third], "export 2 does not go on from the one before it"),
        ([first, third, second], "export 2 does not go on"),
        ([first, second, second], "export 3 does not go on"),
        ([first, tmp_path / "later"], "export 2 is no increment"),
        ([tmp_path / "later", second], "export 2 does not go on"),
        ([first, tmp_path / "others"], "export 2 is of another vault"),
    ):
        with pytest.raises(Refused, match=reason):
            Memory.load(paths, tmp_path / "copy.vault", passphrase=WORDS)
        assert not (tmp_path / "copy.vault").exists()
    with pytest.raises(InvalidInput, match="name the export"):
        Memory.load([], tmp_path / "copy.vault")


def test_an_increment_goes_on_from_the_whole_vault_only(memory: Memory, tmp_path: Path) -> None:
    fill(memory)
    memory.export(tmp_path / "part", scope=SCOPE)
    with pytest.raises(Refused, match="holds a part of the vault"):
        memory.export(tmp_path / "increment", since=tmp_path / "part")
    memory.export(tmp_path / "base")
    with pytest.raises(InvalidInput, match="leave scope= and filter= out"):
        memory.export(tmp_path / "increment", scope=SCOPE, since=tmp_path / "base")
    manifest = tmp_path / "base" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete": true', '"complete":  true'))
    with pytest.raises(Refused, match="checksum differs"):
        memory.export(tmp_path / "increment", since=tmp_path / "base")
    assert not (tmp_path / "increment").exists()


def test_a_log_that_was_cut_by_a_restore_gives_no_increment(tmp_path: Path) -> None:
    with Memory(tmp_path / "first.vault", actor="agent:alice") as memory:
        memory.add("One.", scope=SCOPE)
        memory.backup(tmp_path / "backup")
        memory.add("Two.", scope=SCOPE)
        memory.export(tmp_path / "base")
    restore_vault(
        tmp_path / "backup", tmp_path / "second.vault", actor="agent:alice", erased_lost=True
    )
    with Memory(tmp_path / "second.vault", actor="agent:alice") as restored:
        for text in ("Another two.", "Three."):
            with pytest.raises(Refused, match="make an export of the whole vault"):
                restored.export(tmp_path / "increment", since=tmp_path / "base")
            restored.add(text, scope=SCOPE)


def test_increments_are_wrapped_to_a_recipient_as_whole_exports_are(
    memory: Memory, tmp_path: Path
) -> None:
    theirs = new_recipient()
    memory.add("One.", scope=SCOPE)
    memory.export(tmp_path / "base", recipient=theirs.public)
    two = memory.add("Two, of which nothing is in clear.", scope=SCOPE)
    memory.export(tmp_path / "increment", since=tmp_path / "base", recipient=theirs.public)
    told = b"".join(file.read_bytes() for file in (tmp_path / "increment").iterdir())
    assert b"nothing is in clear" not in told
    paths = [tmp_path / "base", tmp_path / "increment"]
    with Memory.load(paths, tmp_path / "copy.vault", recipient_key=theirs.private) as copy:
        cube = copy.get(two.cube_id)
        assert isinstance(cube, MemCube)
        assert cube.text == "Two, of which nothing is in clear."
