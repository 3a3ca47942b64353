"""Missing, foreign and newer files: a clear error, and nothing is made in their place."""

from __future__ import annotations

import os
import resource
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import product
from pathlib import Path

import apsw
import pytest

from memos import Memory, MemosError, Receipt, VaultError, WrongRootKey, doctor
from memos.infrastructure.sqlite.database import ROTATED_FORMAT
from memos.kernel.event import SCHEMA, TooNew, decode
from memos.wire.event_pb2 import Event
from tests.interface.support import damage, opened, stored, text_of
from tests.opened import stores_of


@pytest.mark.parametrize("name", ["root.key", "keys.db"])
def test_a_missing_key_file_is_a_clear_error_and_none_is_made(
    vault: Path, receipts: list[Receipt], name: str
) -> None:
    kept = (vault / name).read_bytes()
    (vault / name).unlink()
    for _ in range(2):
        with pytest.raises(VaultError, match=f"{name} is missing.*backup"):
            Memory(vault, actor="agent:alice")
        assert not (vault / name).exists()
    (vault / name).write_bytes(kept)
    with opened(vault) as memory:
        assert text_of(memory, receipts[0].cube_id) == "memory number 0"


@pytest.mark.parametrize("name", ["root.key", "keys.db"])
@pytest.mark.parametrize("contents", [b"", b"garbage" * 100])
def test_a_damaged_key_file_is_a_clear_error(
    vault: Path, receipts: list[Receipt], name: str, contents: bytes
) -> None:
    (vault / name).write_bytes(contents)
    with pytest.raises(VaultError, match=name), opened(vault) as memory:
        memory.get(receipts[0].cube_id)


def test_the_key_of_another_vault_is_refused_before_anything_is_written_under_it(
    vault: Path, tmp_path: Path, receipts: list[Receipt]
) -> None:
    assert receipts
    shutil.copy(vault / "root.key", tmp_path / "kept.key")
    for name in ("other", "empty"):
        with Memory(tmp_path / name) as other:
            if name == "other":
                other.add("x", scope="acme")
    shutil.copy(tmp_path / "other" / "root.key", vault / "root.key")
    shutil.copy(tmp_path / "other" / "root.key", tmp_path / "empty" / "root.key")
    for path in (vault, tmp_path / "empty"):
        with pytest.raises(WrongRootKey, match=r"root\.key is not the root key of this vault"):
            Memory(path)
    shutil.copy(tmp_path / "kept.key", vault / "root.key")
    with opened(vault) as memory:
        assert memory.get(receipts[0].cube_id)


def test_a_missing_database_is_not_replaced_by_an_empty_one(
    vault: Path, receipts: list[Receipt]
) -> None:
    assert receipts
    (vault / "memos.db").unlink()
    with pytest.raises(VaultError):
        Memory(vault)
    assert not (vault / "memos.db").exists()


def test_what_is_no_vault_is_left_alone(tmp_path: Path) -> None:
    full = tmp_path / "full"
    full.mkdir()
    (full / "thesis.txt").write_text("mine")
    with pytest.raises(VaultError, match="not empty"):
        Memory(full)
    a_file = tmp_path / "file"
    a_file.write_text("mine")
    with pytest.raises(VaultError):
        Memory(a_file)
    with pytest.raises(VaultError, match="no vault"):
        Memory(tmp_path / "absent", create=False)
    stranger = tmp_path / "stranger"
    stranger.mkdir()
    connection = apsw.Connection(str(stranger / "memos.db"))
    connection.execute("CREATE TABLE mine (x)")
    connection.close()
    with pytest.raises(VaultError, match="no MemOS vault"):
        Memory(stranger)
    assert (full / "thesis.txt").read_text() == "mine"
    assert a_file.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full", "stranger"]


def test_a_vault_of_a_newer_format_is_refused(vault: Path, receipts: list[Receipt]) -> None:
    assert receipts
    damage(vault, f"PRAGMA user_version = {ROTATED_FORMAT + 1}")
    with pytest.raises(VaultError, match="upgrade"):
        Memory(vault)


@pytest.mark.parametrize("version", [(SCHEMA[0], SCHEMA[1] + 1), (SCHEMA[0] + 1, 0)])
def test_an_event_of_a_newer_schema_stops_the_vault_aloud(
    vault: Path, receipts: list[Receipt], version: tuple[int, int]
) -> None:
    event = Event.FromString(stored(vault, "SELECT data FROM event WHERE offset = 2"))
    event.schema_major, event.schema_minor = version
    damage(vault, "UPDATE event SET data = ? WHERE offset = 2", event.SerializeToString())
    calls: list[Callable[[Memory], object]] = [
        lambda memory: memory.get(receipts[2].cube_id),
        lambda memory: memory.rebuild(),
    ]
    with pytest.raises(TooNew):
        decode(event.SerializeToString())
    with opened(vault) as memory:
        for call in calls:
            with pytest.raises(MemosError, match="upgrade MemOS"):
                call(memory)
        assert text_of(memory, receipts[3].cube_id) == "memory number 3"


OF_A_VAULT = ("memos.db", "memos.db-wal", "memos.db-shm", "keys.db", "root.key")


@pytest.mark.parametrize(
    ("how", "name"),
    [*product(("removed", "replaced"), OF_A_VAULT), ("overwritten", "root.key")],
)
def test_a_file_that_goes_under_an_open_vault_is_told_at_the_next_write(
    vault: Path, receipts: list[Receipt], name: str, how: str
) -> None:
    with opened(vault) as memory:
        memory.add("before", scope="acme")
        kept = (vault / name).read_bytes()
        if how == "overwritten":
            (vault / name).write_bytes(b"0" * len(kept))
        else:
            (vault / name).rename(vault / "aside")
        if how == "replaced":
            (vault / name).write_bytes(kept)
            if name == "root.key":
                memory.add("the same key is there", scope="acme")
                (vault / name).write_bytes(kept[::-1])
        for _ in range(2):
            with pytest.raises(VaultError, match=f"{name} was removed or replaced.*nothing was"):
                memory.add("after", scope="acme")
        if how != "overwritten":
            (vault / "aside").rename(vault / name)
        else:
            (vault / name).write_bytes(kept)
        memory.add("after", scope="acme")
        assert memory.verify().ok
    assert receipts


@pytest.mark.parametrize("how", ["removed", "renamed", "replaced"])
def test_a_directory_that_goes_under_an_open_vault_is_told_by_whatever_needs_it(
    tmp_path: Path, how: str
) -> None:
    vault = tmp_path / "vault"
    memory = opened_anew(vault)
    kept = memory.add("before", scope="acme").cube_id
    memory.get(kept)
    vault.rename(tmp_path / "aside")
    if how == "removed":
        shutil.rmtree(tmp_path / "aside")
    if how == "replaced":
        Memory(vault, actor="agent:alice").close()
    calls: list[Callable[[], object]] = [
        lambda: memory.add("after", scope="acme"),
        lambda: memory.add("after", scope="acme", subject="somebody new"),
        lambda: memory.erase(cube_id=kept),
        lambda: in_a_new_thread(stores_of(memory).database.reader),
    ]
    for call in calls:
        with pytest.raises(VaultError, match=r"removed or replaced.*put it back"):
            call()
    if how != "replaced":
        with pytest.raises(VaultError, match="put the vault back"):
            memory.stats()
    with pytest.raises(VaultError, match="removed or replaced"):
        memory.close()  # the accesses


def test_a_process_without_file_handles_is_told_so(tmp_path: Path) -> None:
    with opened_anew(tmp_path / "vault") as memory:
        doctor(tmp_path / "vault")  # its modules are files, too
        limits = resource.getrlimit(resource.RLIMIT_NOFILE)
        kept: list[int] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (400, limits[1]))
        try:
            with suppress(OSError):
                while True:
                    kept.append(os.open("/dev/null", os.O_RDONLY))
            with pytest.raises(VaultError, match=r"too many files are open.*ulimit"):
                memory.add("after", scope="acme", subject="somebody new")
            assert any("open files" in finding.what for finding in doctor(tmp_path / "vault"))
        finally:
            for handle in kept:
                os.close(handle)
            resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        memory.add("after", scope="acme", subject="somebody new")


def opened_anew(vault: Path) -> Memory:
    return Memory(vault, actor="agent:alice")


def in_a_new_thread(call: Callable[[], object]) -> object:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(call).result()
