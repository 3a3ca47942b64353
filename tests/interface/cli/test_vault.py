"""`migrate`, `vault create` and the doctor of a settings file, as commands."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.tables import VERSION
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
        assert report["ok"]
        assert any("no worker fold is running" in finding["what"] for finding in report["findings"])
    finally:
        fleet.remove()
