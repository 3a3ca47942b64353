"""`vault rotate-key` and `vault check-key`, as commands."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.interface.cli.support import Shell


def test_the_root_key_is_rotated_and_no_key_is_told(shell: Shell, tmp_path: Path) -> None:
    cube_id = shell.add("She likes pottery.")
    root = shell.vault / "root.key"
    before = tmp_path / "before.key"
    shutil.copy(root, before)
    ran = shell.run("vault", "rotate-key")
    assert ran.code == 0
    assert f"rotated the root key: {root}" in ran.out
    assert f"{root}.old opens only backups from before" in ran.out
    for path in (root, before):
        assert path.read_text().strip() not in ran.out + ran.err
    assert shell.json("get", cube_id)["text"] == "She likes pottery."
    refused = shell.run("vault", "rotate-key", "--json")
    assert refused.code == 1
    assert "root.key.old" in refused.error["message"]


def test_a_key_that_is_offered_is_taken_or_refused(shell: Shell, tmp_path: Path) -> None:
    shell.add("one")
    offered = tmp_path / "offered.key"
    assert shell.run("vault", "rotate-key", "--new-key", str(offered)).code == 2
    offered.write_text("5a" * 32 + "\n")
    offered.chmod(0o600)
    assert not shell.json("vault", "rotate-key", "--new-key", str(offered))["resumed"]
    assert (shell.vault / "root.key").read_text() == offered.read_text()


def test_a_file_is_told_to_hold_the_vaults_key_or_not(shell: Shell, tmp_path: Path) -> None:
    other = Shell(tmp_path / "other.vault")
    for each in (shell, other):
        each.json("vault", "create", str(each.vault))
    safe = shutil.copy(shell.vault / "root.key", tmp_path / "safe.key")
    check = ("vault", "check-key", str(shell.vault), "--key")
    for _ in ("while it is empty", "with a memory"):
        fits = shell.json(*check, str(safe))
        assert fits == {
            "ok": True,
            "key_file": str(safe),
            "fits": True,
            "rotated": None,
            "rotated_by": None,
            "unfinished": False,
        }
        ran = shell.run(*check, str(other.vault / "root.key"))
        assert ran.code == 6
        assert "does not fit" in ran.out
        shell.add("one")
    (shell.vault / "root.key").unlink()
    assert shell.json(*check, str(safe))["ok"]
    shutil.copy(safe, shell.vault / "root.key")
    shell.run("vault", "rotate-key")
    told = shell.run(*check, str(safe), "--json").result
    assert (told["ok"], told["rotated_by"]) == (False, "agent:alice")
    assert told["rotated"].endswith("Z")
    assert shell.json(*check, str(shell.vault / "root.key"))["ok"]
    assert shell.run(*check, str(tmp_path / "none.key")).code == 2
    assert shell.run("vault", "check-key", str(tmp_path / "none"), "--key", str(safe)).code == 1
