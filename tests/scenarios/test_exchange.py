"""Export and load, from the caller's side: the same files and the same promises on both engines."""

from __future__ import annotations

import itertools
import json
import threading
from pathlib import Path

import pytest

from memos import Denied, Forgotten, InvalidInput, Memory
from memos.infrastructure.transfer.wrapping import new_recipient
from tests.scenarios.place import Place, read, texts
from tests.waiting import wait_until


def fill(memory: Memory, tenant: str) -> dict[str, str]:
    """A history with every kind of turn; the ids of its memories by name."""
    moved = memory.add(
        "from Sweden",
        scope=f"{tenant}/alice",
        source="chat:1",
        subject=f"ann-{tenant}",
        tags=["home"],
    ).cube_id
    memory.name_cut(f"{tenant} before")
    memory.update(moved, "from Norway", source="chat:2")
    pots = memory.add("likes pottery", scope=f"{tenant}/alice").cube_id
    runs = memory.add("runs at dawn", scope=f"{tenant}/bob").cube_id
    merged = memory.merge([pots, runs], scope=f"{tenant}/alice").cube_id
    secret = memory.add("opens with nightingale", scope=f"{tenant}/alice").cube_id
    memory.erase(cube_id=secret)
    hidden = memory.add("Alice's alone", scope=f"{tenant}/alice", readers=["agent:alice"]).cube_id
    return {
        "moved": moved,
        "pots": pots,
        "runs": runs,
        "merged": merged,
        "secret": secret,
        "hidden": hidden,
    }


def test_the_whole_vault_is_loaded_as_it_was(memory: Memory, tenant: str, tmp_path: Path) -> None:
    ids = fill(memory, tenant)
    report = memory.export(tmp_path / "out.memos")
    assert report.complete
    assert report.verifier_key == memory.verifier_key()
    with Memory.load(
        tmp_path / "out.memos", tmp_path / "copy.vault", verifier_key=memory.verifier_key()
    ) as copy:
        assert copy.digest() == memory.digest()
        assert copy.verify().ok
        assert copy.audit().ok
        for cube_id in ids.values():
            ours = memory.get(cube_id, any_state=True)
            theirs = copy.get(cube_id, any_state=True)
            assert getattr(theirs, "text", None) == getattr(ours, "text", None)
            assert [c.text for c in copy.history(cube_id)] == [
                c.text for c in memory.history(cube_id)
            ]
            assert [c.entry.log_time for c in copy.history(cube_id)] == [
                c.entry.log_time for c in memory.history(cube_id)
            ]
        assert isinstance(copy.get(ids["secret"]), Forgotten)
        assert read(copy, ids["moved"], as_of=f"{tenant} before").text == "from Sweden"
        assert texts(copy.search("pottery", scope=tenant)) == texts(
            memory.search("pottery", scope=tenant)
        )
        assert copy.lineage(ids["merged"]).edges == memory.lineage(ids["merged"]).edges
        assert copy.erase(subject=f"ann-{tenant}").cube_ids == (ids["moved"],)


def test_a_part_holds_what_the_actor_may_read_and_nothing_else(
    place: Place, memory: Memory, tenant: str, tmp_path: Path
) -> None:
    ids = fill(memory, tenant)
    bob = place.open("agent:bob")
    with pytest.raises(Denied, match="pass scope="):
        bob.export(tmp_path / "all")
    report = bob.export(tmp_path / "out", scope=f"{tenant}/alice")
    assert not report.complete
    assert (report.memories, report.tombstones) == (3, 1)
    told = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert ids["hidden"].encode() not in told
    assert b"nightingale" not in told
    with Memory.load(tmp_path / "out", tmp_path / "copy.vault") as copy:
        assert copy.stats().memories == 3
        assert [c.text for c in copy.history(ids["moved"])] == ["from Sweden", "from Norway"]
        assert [c.entry.log_time for c in copy.history(ids["moved"])] == [
            c.entry.log_time for c in memory.history(ids["moved"])
        ]
        assert isinstance(copy.get(ids["secret"]), Forgotten)
        assert "pottery" in read(copy, ids["merged"]).text
        assert copy.audit().ok


def test_a_filter_and_a_wrapping_narrow_and_hide_what_is_exported(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    ids = fill(memory, tenant)
    theirs = new_recipient()
    memory.export(
        tmp_path / "out",
        scope=tenant,
        filter={"tags": "home"},
        recipient=theirs.public,
    )
    told = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert b"Norway" not in told
    with Memory.load(
        tmp_path / "out", tmp_path / "copy.vault", recipient_key=theirs.private
    ) as copy:
        assert copy.stats().memories == 1
        assert read(copy, ids["moved"]).text == "from Norway"
        again = copy.import_export(tmp_path / "out", recipient_key=theirs.private)
        assert (again.events, again.refused) == (0, ())
    with pytest.raises(InvalidInput, match="exists already"):
        memory.export(tmp_path / "out", scope=tenant)


def test_where_a_record_of_a_part_first_stood_is_told(
    place: Place, memory: Memory, tenant: str, tmp_path: Path
) -> None:
    told = memory.add("from Sweden", scope=tenant)
    memory.export(tmp_path / "out", scope=tenant)
    (line,) = map(json.loads, (tmp_path / "out" / "events.jsonl").read_text().splitlines())
    if place.is_embedded:
        assert line["position"] == str(told.position)
    else:
        assert line["first"]["position"] == f"0:{told.position.offset}"
        assert line["first"]["origin"].endswith(f"/{told.position.partition}")


def test_an_export_while_others_write_is_of_one_moment(
    place: Place, memory: Memory, tenant: str, tmp_path: Path
) -> None:
    cube = memory.add("number 0", scope=tenant).cube_id
    ended = threading.Event()

    def write() -> None:
        writer = place.open("agent:alice")
        for number in itertools.count(1):
            if ended.is_set():
                return
            writer.update(cube, f"number {number}")
            writer.add(f"another {number}", scope=tenant)

    writing = threading.Thread(target=write)
    writing.start()
    try:
        wait_until(lambda: read(memory, cube).version > 2, "the other one writes")
        memory.export(tmp_path / "all")
        memory.export(tmp_path / "part", scope=tenant)
        exported = read(memory, cube).version
        wait_until(lambda: read(memory, cube).version > exported, "the other one goes on writing")
    finally:
        ended.set()
        writing.join()
    for name in ("all", "part"):
        (line,) = [
            told
            for told in map(
                json.loads, (tmp_path / name / "memories.jsonl").read_text().splitlines()
            )
            if told["cube_id"] == cube
        ]
        with Memory.load(tmp_path / name, tmp_path / f"{name}.vault") as copy:
            assert copy.audit().ok
            found = read(copy, cube)
            assert (found.version, found.text) == (line["version"], line["text"])
            assert found.version < read(memory, cube).version
