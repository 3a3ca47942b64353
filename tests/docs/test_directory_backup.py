"""The commands of docs/backup.md for a vault in a directory, run as they stand on the page."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from memos import Forgotten, MemCube, Memory
from tests.docs.runbook import blocks
from tests.interface.cli.support import Shell

ACTOR = "agent:alice"


def run(*commands: str) -> None:
    for command in commands:
        program, *arguments = shlex.split(command)
        if program == "memos":
            ran = Shell(Path("team.vault")).run(*arguments)
            assert ran.code == 0, (command, ran.err)
        else:
            subprocess.run([program, *arguments], check=True)


def test_a_directory_is_backed_up_and_comes_back_without_who_was_erased(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    back_up, restore, apart = blocks("backup.md", "A vault in a directory")
    with Memory("team.vault", actor=ACTOR) as memory:
        gone = memory.add("Caroline.", scope="acme/notes", subject="caroline").cube_id
        kept = memory.add("Dora.", scope="acme/notes", subject="dora").cube_id
    run(*back_up[:1])
    with Memory("team.vault", actor=ACTOR) as memory:
        memory.erase(subject="caroline")
    run(*back_up[1:], *restore, *apart)
    for vault in ("new.vault", "newer.vault"):
        with Memory(vault, actor=ACTOR, create=False) as memory:
            assert isinstance(memory.get(gone), Forgotten)
            assert isinstance(memory.get(kept), MemCube)
