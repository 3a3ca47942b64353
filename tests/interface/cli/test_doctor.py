from __future__ import annotations

from tests.interface.cli.support import Shell


def test_the_doctor_finds_nothing_wrong_and_a_missing_key(shell: Shell) -> None:
    shell.add("one")
    assert shell.json("doctor") == {"ok": True, "findings": []}
    (shell.vault / "root.key").unlink()
    ran = shell.run("doctor")
    assert ran.code == 6
    assert "root.key is missing" in ran.out
    assert "mend: put it back" in ran.out
