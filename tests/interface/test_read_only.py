"""A vault that can only be read: on a read-only disk, or somebody else's."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from memos import DiskFull, InvalidInput, Memory, ReadOnly, VaultError, doctor
from memos.infrastructure.engine.embedded.writer import EmbeddedWriter
from memos.infrastructure.sqlite.statements import explained
from tests.interface.cli.support import Shell
from tests.interface.other_user import NOBODY

FILES = ("keys.db", "memos.db", "root.key")
STATES = {
    "vault-at-rest": FILES,
    "vault-with-its-log": (*FILES, "memos.db-wal"),
    "vault-in-use": (*FILES, "memos.db-wal", "memos.db-shm"),
}
"""What lies in the directory of a vault that was closed, was copied while open, or is open."""


def contents(directory: Path) -> dict[str, str]:
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in directory.iterdir()
    }


def only_to_be_read(directory: Path) -> None:
    for path in (*directory.iterdir(), directory):
        path.chmod(0o500 if path.is_dir() else 0o400)
        if os.getuid() == 0:
            os.chown(path, NOBODY, NOBODY)


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Vaults of three states, in a directory that everybody may go through."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    (place / "exports").mkdir(mode=0o777)
    (place / "exports").chmod(0o777)
    with Memory(place / "owner", actor="agent:alice") as memory:
        for number in range(12):
            memory.add(f"pottery {number}", scope="acme/a", subject=f"subject {number % 3}")
        memory._session.access_log.flush()
        for name, files in STATES.items():
            if name != "vault-at-rest":
                (place / name).mkdir()
                for file in files:
                    shutil.copy(place / "owner" / file, place / name / file)
    shutil.copytree(place / "owner", place / "vault-at-rest")
    for name in STATES:
        only_to_be_read(place / name)
    yield place
    for name in STATES:
        (place / name).chmod(0o700)
    shutil.rmtree(place)


@pytest.fixture(scope="module")
def told(place: Path) -> Any:
    before = {name: contents(place / name) for name in STATES}
    program = Path(__file__).with_name("other_user.py")
    ran = subprocess.run(
        [sys.executable, program, place], capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert {name: contents(place / name) for name in STATES} == before
    return json.loads(ran.stdout)


@pytest.mark.parametrize("name", STATES)
def test_all_of_it_is_read_checked_and_exported(told: Any, name: str) -> None:
    assert told[name]["read"] == told["owner"]["read"]
    assert told[name]["read"]["found"] == 12
    assert told[name]["read"]["checks"] == [True, True]
    assert told[name]["read"]["exported"] == [True, 12]


@pytest.mark.parametrize("name", [*STATES, "owner"])
def test_what_would_change_it_is_refused(told: Any, name: str) -> None:
    assert told[name]["refused"] == told[name]["all"]


@pytest.mark.parametrize("name", STATES)
def test_it_is_no_damage_and_whoever_opens_it_for_writing_is_told_what_to_do(
    told: Any, name: str
) -> None:
    (warning,) = told[name]["doctor"]
    assert warning.startswith("warning: ")
    assert "can be read by this process, and not written" in warning
    assert 'mode="read"' in told[name]["opened"]
    assert told["owner"]["doctor"] == []


def test_what_is_read_so_is_not_noted(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        cube_id = memory.add("Tea.", scope="acme").cube_id
        before = memory.stats().accesses
    with Memory(vault, actor="agent:alice", mode="read") as reading:
        assert reading.get(cube_id) is not None
    with Memory(vault, actor="agent:alice") as memory:
        assert memory.stats().accesses == before


def test_there_is_nothing_to_read_where_no_vault_is(vault: Path) -> None:
    with pytest.raises(VaultError, match="there is no vault"):
        Memory(vault, mode="read")
    assert not vault.exists()
    with pytest.raises(InvalidInput, match="sweep"):
        Memory(vault, mode="read", sweep_every="1h")


def test_a_vault_that_is_written_unseen_is_to_be_opened_again(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("Tea.", scope="acme")
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: mode != os.W_OK)
        reading = Memory(vault, actor="agent:alice", mode="read")
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("Coffee.", scope="acme")
    with pytest.raises(VaultError, match="open the vault again"):
        reading.search("coffee", scope="acme")
    reading.close()


def test_commands_that_read_open_it_for_reading(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(vault)
    cube_id = shell.add("Tea.")
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    before = contents(vault)
    assert shell.json("get", cube_id[:20])["text"] == "Tea."
    assert shell.json("verify")["ok"]
    refused = shell.run("archive", cube_id)
    assert (refused.code, "open for reading only" in refused.err) == (1, True)
    assert contents(vault) == before
    assert [finding.severity for finding in doctor(vault)] == ["warning"]


def test_a_file_that_this_user_may_not_read_is_not_called_damaged(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Memory(vault, actor="agent:alice").close()
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).suffix != ".key")
    (finding,) = doctor(vault)
    assert "cannot be read by this user" in finding.what
    assert "backup" not in finding.mend


def test_a_vault_on_a_full_disk_is_read_and_the_disk_is_named(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("Tea.", scope="acme")
    usage = shutil.disk_usage(vault)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    before = contents(vault)
    with Memory(vault, actor="agent:alice", mode="read") as reading:
        assert len(reading.search("tea", scope="acme")) == 1
    assert contents(vault) == before
    assert [finding.severity for finding in doctor(vault)] == ["warning"]
    # What SQLite says where it can make no side files.
    with pytest.raises(DiskFull, match="free space there"), explained(vault / "memos.db"):
        raise apsw.IOError("disk I/O error")


@pytest.mark.filterwarnings("always")
def test_a_command_shows_what_it_read_though_it_cannot_be_noted(
    vault: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell(vault)
    cube_id = shell.add("Tea.")

    def full(*_: object) -> None:
        raise DiskFull("the disk is full")

    monkeypatch.setattr(EmbeddedWriter, "append_accesses", full)
    ran = shell.run("get", cube_id)
    assert (ran.code, "Tea." in ran.out, "not noted" in ran.err) == (0, True, True)


def test_a_reader_beside_a_writer_sees_what_is_written(vault: Path) -> None:
    with (
        Memory(vault, actor="agent:alice") as memory,
        Memory(vault, actor="agent:bob", mode="read") as reading,
    ):
        cube_id = memory.add("Tea.", scope="acme").cube_id
        assert reading.search("tea", scope="acme")[0].cube_id == cube_id
        with pytest.raises(ReadOnly):
            reading.update(cube_id, "Coffee.")
