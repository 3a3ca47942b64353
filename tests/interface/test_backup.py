"""A backup is made of a vault in use, is verified, and brings nobody back who was erased since."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from memos import (
    Damaged,
    Denied,
    Forgotten,
    InvalidInput,
    KeysMissing,
    MemCube,
    Memory,
    VaultError,
    doctor,
    restore_vault,
)
from memos.infrastructure.keys.erased_list import read_erased

ALICE, SCOPE = "agent:alice", "acme/alice"
LIST = "erased.jsonl"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "team.vault", actor=ALICE) as opened:
        yield opened


def add(memory: Memory, text: str, **more: Any) -> str:
    return memory.add(text, scope=SCOPE, **more).cube_id


def restored(tmp_path: Path, memory: Memory, backup: str = "monday") -> Memory:
    """The backup, held to the list of the vault."""
    path = tmp_path / "restored.vault"
    told = restore_vault(tmp_path / backup, path, actor=ALICE, erased=[memory.path / LIST])
    assert told.ok
    return Memory(path, actor=ALICE)


def test_a_backup_is_the_same_vault_as_it_was_then(memory: Memory, tmp_path: Path) -> None:
    kept = add(memory, "Caroline likes pottery.", subject="caroline")
    digest, head = memory.digest(), memory.checkpoint()
    made = memory.backup(tmp_path / "monday")
    later = add(memory, "Written behind it.")
    (tmp_path / "none.jsonl").touch()
    told = restore_vault(
        tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased=[tmp_path / "none.jsonl"]
    )
    assert (told.erased, told.doubts, told.keys_missing) == ((), (), 0)
    assert told.missing[0].startswith("what was written since ")
    assert "names nothing" in told.missing[1]
    assert told.events == made.events == 1
    with Memory(tmp_path / "new.vault", actor=ALICE) as again:
        assert again.digest() == digest
        assert again.checkpoint().root == head.root
        assert isinstance(again.get(kept), MemCube)
        assert again.verifier_key() == memory.verifier_key()
        assert later not in {entry.cube_id for entry in again.events()}


@pytest.mark.parametrize("how", ["subject", "cube", "scope"])
def test_a_backup_older_than_an_erase_brings_nobody_back(
    memory: Memory, tmp_path: Path, how: str
) -> None:
    gone = memory.add("Caroline likes pottery.", scope="acme/c", subject="caroline").cube_id
    derived = add(memory, "A mug for her.", derived_from=[gone])
    kept = add(memory, "Bob likes tea.")
    memory.backup(tmp_path / "monday")
    which: dict[str, dict[str, Any]] = {
        "subject": {"subject": "caroline"},
        "cube": {"cube_id": gone},
        "scope": {"scope": "acme/c"},
    }
    memory.erase(**which[how])
    with restored(tmp_path, memory) as again:
        assert isinstance(again.get(gone), Forgotten)
        assert isinstance(again.get(derived), Forgotten)
        assert isinstance(again.get(kept), MemCube)
        assert again.search("pottery mug", scope="acme") == []
        assert again.audit().ok
        for file in again.path.iterdir():
            assert b"pottery" not in file.read_bytes()


def test_a_hold_of_the_time_of_the_backup_brings_nobody_back(
    memory: Memory, tmp_path: Path
) -> None:
    gone = add(memory, "Caroline likes pottery.")
    memory.hold(gone)
    memory.backup(tmp_path / "monday")
    memory.lift_hold(gone)
    memory.erase(cube_id=gone)
    with restored(tmp_path, memory) as again:
        assert isinstance(again.get(gone), Forgotten)


def test_who_was_erased_before_a_backup_and_came_again_stays(
    memory: Memory, tmp_path: Path
) -> None:
    add(memory, "Caroline likes pottery.", subject="caroline")
    memory.erase(subject="caroline")
    again = add(memory, "Caroline came back.", subject="caroline")
    memory.backup(tmp_path / "monday")
    with restored(tmp_path, memory) as opened:
        assert isinstance(opened.get(again), MemCube)


def test_an_older_copy_that_was_put_back_by_hand_is_held_to_the_list(tmp_path: Path) -> None:
    vault = tmp_path / "team.vault"
    with Memory(vault, actor=ALICE) as memory:
        gone, kept = add(memory, "Caroline likes pottery.", subject="caroline"), add(memory, "Tea.")
        memory.backup(tmp_path / "monday")
        memory.erase(subject="caroline")
    for name in ("memos.db", "keys.db", "root.key"):
        shutil.copy(tmp_path / "monday" / name, vault / name)
    assert any("erased after this copy" in finding.what for finding in doctor(vault))
    with pytest.warns(UserWarning, match="copy from before 1 of its memories were erased"):
        opened = Memory(vault, actor=ALICE)
    with opened:
        assert isinstance(opened.get(gone), Forgotten)
        assert isinstance(opened.get(kept), MemCube)
    assert doctor(vault) == ()


def test_a_restore_asks_for_the_list_of_erases(memory: Memory, tmp_path: Path) -> None:
    gone = add(memory, "Caroline likes pottery.", subject="caroline")
    memory.backup(tmp_path / "monday")
    memory.erase(subject="caroline")
    with pytest.raises(InvalidInput, match="say what was erased since"):
        restore_vault(tmp_path / "monday", tmp_path / "new.vault", actor=ALICE)
    assert not (tmp_path / "new.vault").exists()
    told = restore_vault(tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased_lost=True)
    assert not told.ok
    assert "no list of erases" in told.doubts[0]
    with Memory(tmp_path / "new.vault", actor=ALICE) as opened:
        assert isinstance(opened.get(gone), MemCube)


def test_a_list_older_than_the_newest_known_receipt_is_told(memory: Memory, tmp_path: Path) -> None:
    first, second = add(memory, "one"), add(memory, "two")
    memory.erase(cube_id=first)
    shutil.copy(memory.path / LIST, tmp_path / "older.jsonl")
    memory.erase(cube_id=second)
    memory.backup(tmp_path / "monday")
    told = restore_vault(
        tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased=[tmp_path / "older.jsonl"]
    )
    assert "the list is an older one" in told.doubts[0]
    listed = [raw for line in read_erased(tmp_path / "new.vault" / LIST) for raw in line.cube_ids]
    assert len(listed) == 2  # what the backup itself knows is put into it


def test_keys_that_were_copied_with_a_backup_have_no_list_of_what_came_since(
    memory: Memory, tmp_path: Path
) -> None:
    gone = add(memory, "Caroline likes pottery.", subject="caroline")
    memory.backup(tmp_path / "monday", keys=tmp_path / "keys")
    memory.erase(subject="caroline")
    with pytest.raises(InvalidInput, match="say what was erased since"):
        restore_vault(
            tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, keys=tmp_path / "keys"
        )
    told = restore_vault(
        tmp_path / "monday",
        tmp_path / "new.vault",
        actor=ALICE,
        keys=tmp_path / "keys",
        erased=[memory.path / LIST],
    )
    assert told.ok
    with Memory(tmp_path / "new.vault", actor=ALICE) as opened:
        assert isinstance(opened.get(gone), Forgotten)


@pytest.mark.parametrize(("cut", "is_doubted"), [(1, False), (30, True)])
def test_a_list_that_lost_its_end_erases_what_it_names_whole_and_is_doubted(
    memory: Memory, tmp_path: Path, cut: int, is_doubted: bool
) -> None:
    """Without its last line break a line is whole; a list that is cut off amid one is told."""
    gone = add(memory, "Caroline likes pottery.", subject="caroline")
    memory.backup(tmp_path / "monday")
    memory.erase(subject="caroline")
    kept = (memory.path / LIST).read_text()
    cut_off = tmp_path / "cut.jsonl"
    cut_off.write_text(kept[:-cut])
    told = restore_vault(tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased=[cut_off])
    assert bool(told.doubts) == is_doubted
    assert told.ok != is_doubted
    with Memory(tmp_path / "new.vault", actor=ALICE) as opened:
        assert isinstance(opened.get(gone), MemCube) == is_doubted


def test_a_backup_is_not_opened_as_a_vault(memory: Memory, tmp_path: Path) -> None:
    add(memory, "Tea.")
    memory.backup(tmp_path / "monday")
    for options in ({}, {"mode": "read"}):
        with pytest.raises(VaultError, match="is a backup"):
            Memory(tmp_path / "monday", actor=ALICE, **options)  # type: ignore[arg-type]
    assert restore_vault(
        tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased_lost=True
    ).events


def test_keys_apart_open_nothing_alone_and_newer_ones_open_an_older_backup(
    memory: Memory, tmp_path: Path
) -> None:
    gone, kept = add(memory, "Caroline.", subject="caroline"), add(memory, "Tea.")
    memory.backup(tmp_path / "monday", keys=tmp_path / "keys.monday")
    assert not {"root.key", "keys.db"} & {path.name for path in (tmp_path / "monday").iterdir()}
    memory.rotate_root_key()
    memory.erase(subject="caroline")
    add(memory, "Later.", subject="later")
    memory.backup(tmp_path / "friday", keys=tmp_path / "keys.friday")
    with pytest.raises(InvalidInput, match="kept apart"):
        restore_vault(tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased_lost=True)
    told = restore_vault(
        tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, keys=tmp_path / "keys.friday"
    )
    assert told.ok
    assert any("records at least" in what for what in told.missing)
    with Memory(tmp_path / "new.vault", actor=ALICE) as opened:
        assert isinstance(opened.get(gone), Forgotten)
        assert isinstance(opened.get(kept), MemCube)
        assert opened.verify().ok
        assert opened.audit().ok
    assert doctor(tmp_path / "new.vault") == ()


def test_what_is_missing_or_changed_in_a_backup_is_named_and_nothing_is_made(
    memory: Memory, tmp_path: Path
) -> None:
    add(memory, "Caroline likes pottery.")
    memory.backup(tmp_path / "monday")
    target = tmp_path / "new.vault"
    keys = (tmp_path / "monday" / "keys.db").read_bytes()
    (tmp_path / "monday" / "keys.db").unlink()
    with pytest.raises(InvalidInput, match=r"keys\.db is missing"):
        restore_vault(tmp_path / "monday", target, actor=ALICE, erased_lost=True)
    (tmp_path / "monday" / "keys.db").write_bytes(keys + b"\0")
    with pytest.raises(Damaged, match=r"keys\.db is not what was backed up"):
        restore_vault(tmp_path / "monday", target, actor=ALICE, erased_lost=True)
    (tmp_path / "monday" / "keys.db").write_bytes(keys)
    manifest = tmp_path / "monday" / "backup.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "events": 7}))
    with pytest.raises(Damaged, match="not signed by the vault"):
        restore_vault(tmp_path / "monday", target, actor=ALICE, erased_lost=True)
    with pytest.raises(InvalidInput, match=r"no backup, for it has no backup\.json"):
        restore_vault(memory.path, target, actor=ALICE, erased_lost=True)
    assert [path.name for path in tmp_path.iterdir() if "new.vault" in path.name] == []


def test_keys_and_lists_of_another_vault_are_refused(memory: Memory, tmp_path: Path) -> None:
    add(memory, "Caroline likes pottery.")
    memory.backup(tmp_path / "monday", keys=tmp_path / "keys")
    with Memory(tmp_path / "other.vault", actor=ALICE) as other:
        other.erase(cube_id=add(other, "Bob."))
        other.backup(tmp_path / "others", keys=tmp_path / "others.keys")
    for keys, lists in (("others.keys", []), ("keys", [tmp_path / "other.vault" / LIST])):
        with pytest.raises(InvalidInput, match="of the same vault"):
            restore_vault(
                *(tmp_path / "monday", tmp_path / "new.vault"),
                actor=ALICE,
                keys=tmp_path / keys,
                erased=lists,
            )


def test_a_backup_is_of_one_moment_while_others_write_and_erase(
    memory: Memory, tmp_path: Path
) -> None:
    erased: list[str] = []
    ended = threading.Event()

    def work() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            cube_id = add(memory, f"Note {number}.", subject=f"person-{number}")
            if number % 3 == 0:
                memory.erase(cube_id=cube_id)
                erased.append(cube_id)

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for number in range(3):
            made = memory.backup(tmp_path / f"b{number}", keys=tmp_path / f"k{number}")
            assert made.events > 0 or number == 0
    finally:
        ended.set()
        writer.join()
    told = restore_vault(
        *(tmp_path / "b0", tmp_path / "new.vault"),
        actor=ALICE,
        keys=tmp_path / "k2",
        erased=[memory.path / LIST],
    )
    assert told.keys_missing == 0
    with Memory(tmp_path / "new.vault", actor=ALICE) as opened:
        there = {entry.cube_id for entry in opened.events(kind="Generated")}
        assert all(isinstance(opened.get(one), Forgotten) for one in erased if one in there)
        assert opened.verify().ok


def test_only_the_administrator_backs_up_and_nowhere_that_is_taken(
    memory: Memory, tmp_path: Path
) -> None:
    add(memory, "Caroline likes pottery.")
    with Memory(memory.path, actor="agent:bob") as bob, pytest.raises(Denied):
        bob.backup(tmp_path / "bobs")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for place in (tmp_path / "full", memory.path / "inside"):
        with pytest.raises(InvalidInput, match=r"not empty|lies in"):
            memory.backup(place)
    with pytest.raises(InvalidInput, match="directory of their own"):
        memory.backup(tmp_path / "both", keys=tmp_path / "both")
    with pytest.raises(VaultError, match="cannot be written"):
        memory.backup(Path("/proc/nowhere/backup"))
    assert not (tmp_path / "both").exists()


def test_a_line_of_the_list_that_was_cut_off_stops_nothing(memory: Memory, tmp_path: Path) -> None:
    first, second = add(memory, "one"), add(memory, "two")
    memory.backup(tmp_path / "monday")
    memory.erase(cube_id=first)
    with (memory.path / LIST).open("a") as file:
        file.write('{"vault": "memos/')
    memory.erase(cube_id=second)
    with restored(tmp_path, memory) as again:
        assert isinstance(again.get(first), Forgotten)
        assert isinstance(again.get(second), Forgotten)


@pytest.mark.parametrize("is_of_earlier_release", [True, False])
def test_a_list_that_is_gone_is_made_again_of_what_the_vault_knows(
    tmp_path: Path, is_of_earlier_release: bool
) -> None:
    vault = tmp_path / "team.vault"
    with Memory(vault, actor=ALICE) as memory:
        gone = add(memory, "Caroline likes pottery.", subject="caroline")
        memory.backup(tmp_path / "monday")
        memory.erase(subject="caroline")
    (vault / LIST).unlink()
    if is_of_earlier_release:  # it kept no list
        with closing(apsw.Connection(str(vault / "memos.db"))) as connection:
            connection.execute("DELETE FROM setting WHERE name = 'taken_erases'")
        Memory(vault, actor=ALICE).close()
    else:
        with pytest.warns(UserWarning, match="what the vault itself knows of is put back"):
            Memory(vault, actor=ALICE).close()
    told = restore_vault(
        tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased=[vault / LIST]
    )
    assert told.erased == (gone,)


def test_what_was_not_done_is_not_listed(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load erases in one transaction, and is undone as a whole."""
    gone = add(memory, "Caroline likes pottery.")
    memory.export(tmp_path / "before")
    memory.erase(cube_id=gone)
    memory.export(tmp_path / "after")
    with Memory.load(tmp_path / "before", tmp_path / "other.vault", actor=ALICE) as other:
        database = other._session.engine.stores.database  # type: ignore[attr-defined]

        def stopped() -> None:
            raise VaultError("stopped")

        monkeypatch.setattr(database._files, "check", stopped)
        with pytest.raises(VaultError, match="stopped"):
            other.import_export(tmp_path / "after")
        monkeypatch.undo()
        assert (other.path / LIST).read_bytes() == b""
    with Memory(tmp_path / "other.vault", actor=ALICE) as other:
        assert isinstance(other.get(gone), MemCube)
        other.import_export(tmp_path / "after")
        assert isinstance(other.get(gone), Forgotten)
        (line,) = read_erased(other.path / LIST)
        assert line.origin == other._session.engine.origin


def test_keys_that_are_missing_stop_no_backup_and_are_told(tmp_path: Path) -> None:
    vault = tmp_path / "team.vault"
    with Memory(vault, actor=ALICE) as memory:
        lost, kept = (
            add(memory, "Caroline.", subject="caroline"),
            add(memory, "Tea.", subject="tea"),
        )
    with closing(apsw.Connection(str(vault / "keys.db"))) as connection:
        sql = "DELETE FROM subject_key WHERE subject = (SELECT min(subject) FROM subject_key)"
        connection.execute(sql)
    with Memory(vault, actor=ALICE) as memory:
        assert memory.backup(tmp_path / "monday").keys_missing == 1
    told = restore_vault(tmp_path / "monday", tmp_path / "new.vault", actor=ALICE, erased_lost=True)
    assert (told.keys_missing, told.ok) == (1, False)
    with Memory(tmp_path / "new.vault", actor=ALICE) as opened:
        assert opened.verify().keys_missing == 1
        assert {cube_id for cube_id in (lost, kept) if _opens(opened, cube_id)} < {lost, kept}


def _opens(memory: Memory, cube_id: str) -> bool:
    try:
        return isinstance(memory.get(cube_id), MemCube)
    except KeysMissing:
        return False


@pytest.mark.parametrize("value", ["zeroblob(9)", "'a text'"])
def test_a_damaged_vault_is_not_backed_up(tmp_path: Path, value: str) -> None:
    vault = tmp_path / "team.vault"
    with Memory(vault, actor=ALICE) as memory:
        add(memory, "Caroline.")
    with closing(apsw.Connection(str(vault / "memos.db"))) as connection:
        connection.execute("DROP TRIGGER event_is_never_changed")
        connection.execute(f"UPDATE event SET data = {value} WHERE offset = 0")
    with Memory(vault, actor=ALICE) as memory, pytest.raises(Damaged, match="no backup was made"):
        memory.backup(tmp_path / "monday", keys=tmp_path / "keys")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["team.vault"]
