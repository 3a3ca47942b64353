"""A killed export, load or import leaves nothing in clear."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from memos import Memory, VaultError

SECRET = "a secret that nobody else may read"

KILLED = """
import os, signal, sys
from memos import Memory
from memos.infrastructure.transfer import package
memory = Memory(sys.argv[1], actor="agent:alice")
step = sys.argv[3]
done = getattr(package, step)
def killed(*arguments):
    if step != "publish":
        done(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
setattr(package, step, killed)
from memos.operation.commands import export
export.publish = package.publish
memory.export(sys.argv[2])
"""


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    with Memory(tmp_path / "vault", actor="agent:alice") as memory:
        memory.add(SECRET, scope="acme")
    return tmp_path / "vault"


@pytest.mark.parametrize("step", ["publish", "_write_tar"])
@pytest.mark.parametrize("name", ["export.tar", "export"])
def test_an_export_that_is_killed_leaves_no_text_and_no_key(
    vault: Path, tmp_path: Path, name: str, step: str
) -> None:
    if (name, step) == ("export", "_write_tar"):
        return
    place = tmp_path / "place"
    place.mkdir()
    told = subprocess.run(
        [sys.executable, "-c", KILLED, str(vault), str(place / name), step],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == -9, told.stderr
    (left,) = place.iterdir()
    assert list(left.iterdir()) == []
    with Memory(vault, actor="agent:alice") as memory:
        memory.export(place / name)
    assert [path.name for path in place.iterdir()] == [name]


LOADING = """
import os, signal, sys
from memos import Memory
from memos.infrastructure.transfer.load import dump, loader
step, path, into = sys.argv[1:]
def killed(*arguments):
    os.kill(os.getpid(), signal.SIGKILL)
dump.Dump.check_log = killed if step == "check" else dump.Dump.check_log
loader._check_result = loader.Replayer.keep_first_place = killed
Memory.load(path, into=into, actor="agent:alice")
"""


@pytest.mark.parametrize("step", ["check", "fold"])
@pytest.mark.parametrize("into", ["new", "own"])
def test_a_load_that_is_killed_leaves_no_text_and_no_key_in_clear(
    vault: Path, tmp_path: Path, into: str, step: str
) -> None:
    place = tmp_path / "place"
    with Memory(vault, actor="agent:alice") as memory:
        memory.export(tmp_path / "out.tar")
    Memory(place / "own", actor="agent:alice").close()
    told = subprocess.run(
        [sys.executable, "-c", LOADING, step, str(tmp_path / "out.tar"), str(place / into)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == -9, told.stderr
    left = [path for path in place.rglob("*") if path.is_file()]
    assert not [path for path in left if SECRET.encode() in path.read_bytes()]
    assert not [path for path in left if path.suffix in (".jsonl", ".txt", ".tar")]


@pytest.mark.parametrize("name", ["export.tar", "another.vault"])
def test_what_a_killed_process_left_of_a_stage_is_removed_by_the_next_export(
    vault: Path, tmp_path: Path, name: str
) -> None:
    place = tmp_path / "place"
    left = place / f".{name}.123.0123abcd.staged"
    left.mkdir(parents=True)
    (left / "memories.jsonl").write_text(SECRET)
    other = place / ".export.tar.own.staged"
    other.mkdir()
    with Memory(vault, actor="agent:alice") as memory:
        memory.export(place / "export.tar")
    assert sorted(path.name for path in place.iterdir()) == [other.name, "export.tar"]


@pytest.mark.parametrize("into", ["new", "own"])
def test_a_load_that_was_killed_leaves_no_vault_and_the_next_one_nothing_of_it(
    vault: Path, tmp_path: Path, into: str
) -> None:
    place = tmp_path / "place"
    with Memory(vault, actor="agent:alice") as memory:
        memory.export(tmp_path / "out.tar")
    if into == "own":
        Memory(place / "own", actor="agent:alice").close()
    told = subprocess.run(
        [sys.executable, "-c", LOADING, "fold", str(tmp_path / "out.tar"), str(place / into)],
        check=False,
    )
    assert told.returncode == -9
    if into == "new":
        with pytest.raises(VaultError, match="no vault"):
            Memory(place / into, create=False)
    with Memory.load(tmp_path / "out.tar", into=place / into, actor="agent:alice") as loaded:
        assert [hit.text for hit in loaded.search("secret", scope="acme")] == [SECRET]
    assert [path.name for path in place.iterdir()] == [into]


BUILDING = """
import os, signal, sys
from memos import Memory
from memos.interface.vaults import restore_vault
from memos.infrastructure.engine.embedded import backup, creation, restoration
step, vault, made, target = sys.argv[1:]
def killed(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)
if step == "create":
    creation.create_all = killed
    Memory(target, actor="agent:alice")
if step == "backup":
    backup._verified = killed
    Memory(vault, actor="agent:alice").backup(target)
if step == "restore":
    restoration.EmbeddedRestoration.check = killed
    restore_vault(made, target, actor="agent:alice", erased_lost=True)
"""


@pytest.mark.parametrize("step", ["create", "backup", "restore"])
def test_what_was_being_built_when_it_was_killed_is_removed_by_the_next_who_builds(
    vault: Path, tmp_path: Path, step: str
) -> None:
    place, made = tmp_path / "place", tmp_path / "made"
    with Memory(vault, actor="agent:alice") as memory:
        memory.backup(made)
    told = subprocess.run(
        [sys.executable, "-c", BUILDING, step, str(vault), str(made), str(place / "new")],
        check=False,
        capture_output=True,
        text=True,
    )
    assert told.returncode == -9, told.stderr
    (left,) = place.iterdir()
    assert left.name != "new"
    Memory(place / "other", actor="agent:alice").close()
    assert [path.name for path in place.iterdir()] == ["other"]
