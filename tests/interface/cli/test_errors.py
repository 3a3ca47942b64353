from __future__ import annotations

import pytest

from tests.interface.cli.support import Shell

NOBODY = "00000000-0000-0000-0000-000000000000"


def test_not_found_exits_with_3(shell: Shell) -> None:
    cube_id = shell.add("text")
    assert shell.run("get", NOBODY).code == 3
    assert shell.run("get", cube_id, "--version", "9").code == 3
    assert shell.run("get", cube_id, "--as-of", "no-such-cut").code == 3
    assert shell.run("prove", NOBODY).code == 3
    assert shell.run("get", NOBODY, "--json").error["type"] == "NotFound"


def test_denied_exits_with_4_and_names_the_rule(shell: Shell) -> None:
    cube_id = shell.add("text", "--reader", "agent:bob")
    ran = shell.run("get", cube_id, "--actor", "agent:eve", "--json")
    assert ran.code == 4
    assert ran.error["rule"] == "readers-list"
    assert "text" not in ran.out


def test_conflict_exits_with_5_and_tells_the_current_version(shell: Shell) -> None:
    cube_id = shell.add("one")
    shell.run("update", cube_id, "two")
    error = shell.run("update", cube_id, "three", "--expect-version", "1", "--json").error
    assert (error["type"], error["exit_code"], error["current_version"]) == ("Conflict", 5, 2)


def test_held_and_illegal_moves_exit_with_7(shell: Shell) -> None:
    cube_id = shell.add("text", "--subject", "caroline")
    assert shell.run("thaw", cube_id).code == 7
    shell.run("hold", cube_id)
    error = shell.run("erase", "--subject", "caroline", "--yes", "--json").error
    assert (error["type"], error["exit_code"], error["cube_ids"]) == ("Held", 7, [cube_id])
    assert shell.json("get", cube_id)["text"] == "text"


WRONG = [
    ("add", "text"),
    ("add", "text", "--scope", "acme/../x"),
    ("add", "text", "--scope", "acme", "--metadata", "{"),
    ("add", "text", "--scope", "acme", "--metadata", "[1]"),
    ("add", "text", "--scope", "acme", "--valid-from", "yesterday"),
    ("add", "text", "--scope", "acme", "--lifespan", "soon"),
    ("add", "text", "--scope", "acme", "--priority", "high"),
    ("add", "text", "--scope", "acme", "--derived-from", "nobody"),
    ("update", NOBODY),
    ("update", NOBODY, "text", "--mode", "replace"),
    ("search", "text", "--scope", "acme", "--filter", '{"colour": "red"}'),
    ("search", "text", "--scope", "acme", "--filter", '{"tags": {"like": "x"}}'),
    ("search", "text", "--scope", "acme", "--state", "Lost"),
    ("search", "text", "--scope", "acme", "-k", "0"),
    ("get", "nobody"),
    ("get", NOBODY, "--version", "1", "--as-of", "0:0"),
    ("diff", NOBODY, "one", "two"),
    ("lineage", NOBODY, "--direction", "sideways"),
    ("link", NOBODY, NOBODY, "--relation", "likes"),
    ("merge", NOBODY),
    ("lifespan", NOBODY, "--then", "explode"),
    ("rollback",),
    ("rollback", NOBODY, "--source", "web:x"),
    ("erase",),
    ("erase", "--subject", "a", "--scope", "b"),
    ("events", "--kind", "Lost"),
    ("events", "--limit", "0"),
    ("tail", "-n", "-1"),
    ("tail", "-f", "--interval", "0"),
    ("cut", "name", "0:42"),
    ("prove", "nobody"),
    ("frobnicate",),
    ("get",),
    ("get", NOBODY, "--colour"),
]


@pytest.mark.parametrize("command", WRONG, ids=" ".join)
def test_what_does_not_fit_exits_with_2_and_changes_nothing(
    shell: Shell, command: tuple[str, ...]
) -> None:
    shell.add("something")
    before = shell.json("stats")["events"]
    ran = shell.run(*command)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "Traceback" not in ran.err
    assert shell.run(*command, "--json").error["exit_code"] == 2
    assert shell.json("stats")["events"] == before


def test_a_directory_that_is_no_vault_is_an_error(shell: Shell) -> None:
    shell.vault.mkdir()
    (shell.vault / "notes.txt").write_text("mine")
    ran = shell.run("add", "text", "--scope", "acme")
    assert ran.code == 1
    assert "is not empty and holds no vault" in ran.err
    assert [file.name for file in shell.vault.iterdir()] == ["notes.txt"]


def test_no_arguments_show_the_help(shell: Shell) -> None:
    ran = shell.run()
    assert ran.code == 2
    assert "Usage: memos" in ran.out + ran.err
