"""`migrate`, `vault create` and the doctor of a settings file, as commands."""

from __future__ import annotations

import sys
from io import StringIO
from pathlib import Path

import pytest
import typer

from memos import Memory, VaultError
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.tables import VERSION
from memos.interface.cli.command import Run
from memos.interface.vaults import remove_vault
from tests.fleet import Fleet
from tests.interface.cli.support import Shell


def test_a_vault_is_moved_and_the_digest_is_told(shell: Shell, tmp_path: Path) -> None:
    cube_id = shell.add("She likes pottery.")
    digest = shell.json("digest")["digest"]
    target = tmp_path / "moved.vault"
    moved = shell.json("migrate", "--from", str(shell.vault), "--to", str(target))
    assert (moved["events"], moved["present"], moved["digest"]) == (1, 0, digest)
    other = Shell(target)
    assert other.json("get", cube_id)["text"] == "She likes pottery."
    ran = shell.run("migrate", "--from", str(shell.vault), "--to", str(target))
    assert ran.code == 0
    assert "1 events" in ran.out
    assert digest in ran.out


def test_a_target_that_is_taken_is_refused(shell: Shell, tmp_path: Path) -> None:
    shell.add("one")
    other = Shell(tmp_path / "other.vault")
    other.add("two")
    ran = shell.run("migrate", "--from", str(shell.vault), "--to", str(other.vault), "--json")
    assert ran.code == 1
    assert ran.error["type"] == "Refused"


def test_a_vault_is_made_by_a_command_and_again_changes_nothing(
    shell: Shell, tmp_path: Path
) -> None:
    created = shell.json("vault", "create", str(shell.vault))
    assert created["administrator"] == "agent:alice"
    assert created["tables"] is None
    assert shell.json("vault", "create", str(shell.vault)) == created


def test_a_vault_is_removed_by_its_administrator_alone_who_says_so(
    shell: Shell, tmp_path: Path
) -> None:
    shell.add("one")
    path = str(shell.vault)
    asked = shell.run("vault", "remove", path, "--json")
    assert (asked.code, asked.error["type"]) == (2, "InvalidInput")
    assert "pass --yes, or --dry-run" in asked.err
    denied = shell.run("vault", "remove", path, "--yes", "--actor", "agent:bob", "--json")
    assert (denied.code, denied.error["type"]) == (4, "Denied")
    plan = shell.json("vault", "remove", path, "--dry-run")
    assert sorted(Path(name).name for name in plan["removed"]) == [
        "keys.db",
        "memos.db",
        "root.key",
    ]
    assert len(shell.json("search", "one", "--scope", "acme")) == 1
    (shell.vault / "notes.txt").write_text("not the vault's")
    removed = shell.json("vault", "remove", path, "--yes")
    assert removed == {**plan, "dry_run": False, "kept": removed["kept"]}
    assert [name.partition(":")[0] for name in removed["kept"]] == [f"{path}/notes.txt"]
    assert [each.name for each in shell.vault.iterdir()] == ["notes.txt"]
    again = shell.run("vault", "remove", path, "--yes", "--json")
    assert (again.code, again.error["type"]) == (1, "VaultError")
    assert "there is no vault at" in again.err


def test_a_removed_vault_leaves_no_directory_and_takes_no_write(tmp_path: Path) -> None:
    path = tmp_path / "team.vault"
    with Memory(path, actor="agent:alice") as memory:
        memory.add("one", scope="acme")
        remove_vault(path, actor="agent:alice")
        assert not path.exists()
        with pytest.raises(VaultError, match="removed or replaced"):
            memory.add("two", scope="acme")


def test_what_a_rotation_left_of_root_keys_goes_along(shell: Shell) -> None:
    shell.add("one")
    shell.json("vault", "rotate-key", str(shell.vault))
    assert (shell.vault / "root.key.old").exists()
    removed = shell.json("vault", "remove", str(shell.vault), "--yes")
    assert removed["kept"] == []
    assert not shell.vault.exists()


def test_a_name_has_to_be_typed_before_a_vault_goes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run("vault remove", tmp_path, "agent:alice", as_json=False)
    for typed, goes_on in (("team.vault\n", True), ("y\n", False), ("", False)):
        terminal = StringIO(typed)
        monkeypatch.setattr(terminal, "isatty", lambda: True)
        monkeypatch.setattr(sys, "stdin", terminal)
        if goes_on:
            run.confirm_by_name("All of that goes for good", "team.vault", yes=False)
        else:
            with pytest.raises(typer.Exit):
                run.confirm_by_name("All of that goes for good", "team.vault", yes=False)


def test_a_vault_on_servers_is_made_and_examined_by_commands(
    shell: Shell, engines: LocalServers, tmp_path: Path
) -> None:
    fleet = Fleet(tmp_path, engines)
    try:
        ran = shell.run("doctor", str(fleet.path), "--json")
        assert ran.code == 6
        assert "there is no vault" in ran.out
        assert shell.json("vault", "create", str(fleet.path))["tables"] == VERSION
        report = shell.json("doctor", str(fleet.path))
        assert not report["ok"]
        errors = {each["what"] for each in report["findings"] if each["severity"] == "error"}
        assert errors == {f"no worker {worker} is running" for worker in WORKERS}
    finally:
        fleet.remove()
