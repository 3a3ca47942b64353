"""Missing, foreign and newer files: a clear error, and nothing is made in their place."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest

from memos import Damaged, Memory, MemosError, Receipt, VaultError
from memos.kernel.event import SCHEMA, TooNew, decode
from memos.wire.event_pb2 import Event
from tests.interface.support import damage, opened, stored, text_of


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


def test_the_key_of_another_vault_opens_nothing(
    vault: Path, tmp_path: Path, receipts: list[Receipt]
) -> None:
    with Memory(tmp_path / "other") as other:
        other.add("x", scope="acme")
    shutil.copy(tmp_path / "other" / "root.key", vault / "root.key")
    with opened(vault) as memory, pytest.raises(Damaged):
        memory.get(receipts[0].cube_id)


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


def test_a_vault_of_a_second_format_is_refused(vault: Path, receipts: list[Receipt]) -> None:
    assert receipts
    damage(vault, "PRAGMA user_version = 2")
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
