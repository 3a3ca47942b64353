"""`memos backup` and `memos vault restore`."""

from __future__ import annotations

from pathlib import Path

from tests.interface.cli.support import Shell


def test_a_backup_is_told_and_comes_back(shell: Shell, tmp_path: Path) -> None:
    gone, kept = shell.add("Caroline.", "--subject", "caroline"), shell.add("Tea.")
    ran = shell.run("backup", str(tmp_path / "monday"))
    assert "backed up and verified 2 events and 2 cubes" in ran.out
    assert "`erased.jsonl`" in ran.out
    assert shell.run("backup", str(tmp_path / "monday")).code == 2
    shell.run("erase", "--subject", "caroline", "--yes")
    back = Shell(tmp_path / "back.vault")
    refused = back.run("vault", "restore", str(tmp_path / "monday"))
    assert refused.code == 2
    assert "--erased" in refused.err
    listed = str(shell.vault / "erased.jsonl")
    told = back.json("vault", "restore", str(tmp_path / "monday"), "--erased", listed)
    assert (told["ok"], told["erased"], told["doubts"]) == (True, [gone], [])
    assert back.json("get", gone)["state"] == "Erased"
    assert back.json("get", kept)["text"] == "Tea."


def test_a_restore_without_a_list_says_who_may_be_back_and_exits_with_6(
    shell: Shell, tmp_path: Path
) -> None:
    shell.add("Caroline.", "--subject", "caroline")
    shell.run("backup", str(tmp_path / "monday"), "--keys", str(tmp_path / "keys"))
    back = Shell(tmp_path / "back.vault")
    assert back.run("vault", "restore", str(tmp_path / "monday"), "--erased-lost").code == 2
    keys = ["--keys", str(tmp_path / "keys")]
    refused = back.run("vault", "restore", str(tmp_path / "monday"), *keys)
    assert refused.code == 2, "the list beside keys of the same age says nothing of what came since"
    assert "--erased " in refused.err
    assert "--erased-lost brings back" in refused.err
    shell.run("backup", str(tmp_path / "later"), "--keys", str(tmp_path / "later.keys"))
    newer = ["--keys", str(tmp_path / "later.keys")]
    assert back.run("vault", "restore", str(tmp_path / "monday"), *newer).code == 0
    shell.run("backup", str(tmp_path / "tuesday"))
    other = Shell(tmp_path / "other.vault")
    ran = other.run("vault", "restore", str(tmp_path / "tuesday"), "--erased-lost")
    assert ran.code == 6
    assert "in doubt: no list of erases was there" in ran.out
    assert "missing: what was written since" in ran.out


def test_a_vault_on_servers_is_not_restored_by_this_command(shell: Shell, tmp_path: Path) -> None:
    shell.add("Tea.")
    shell.run("backup", str(tmp_path / "monday"))
    settings = tmp_path / "memos.toml"
    settings.write_text('engine = "distributed"\n')
    ran = Shell(settings).run("vault", "restore", str(tmp_path / "monday"), "--erased-lost")
    assert ran.code == 1
    assert "docs/backup.md" in ran.err
