"""Errors of the Memory API in the words of the command line."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

import memos
from memos import Memory
from memos.infrastructure.engine.location import can_only_be_read
from memos.interface.cli import app
from memos.interface.cli.wording import COMMANDS, PHRASES, spoken
from memos.kernel import errors
from tests.interface.cli.support import Shell

SOURCES = Path(memos.__file__).parent
NO_COMMAND = {
    "set_sensitivities": "an administrator orders sensitivities in a program",
    "wait_for": "a command waits by itself",
    "load_report": "a load prints it",
}
"""Methods that errors mention and no command stands for, and why."""
ERRORS = {name for name in dir(errors) if name[0].isupper()} | {"Finding", "Refused"}


def messages() -> Iterator[str]:
    """What errors and findings say, with ... for what is known only when one is raised."""
    for path in SOURCES.rglob("*.py"):
        if path.is_relative_to(SOURCES / "interface" / "cli"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = ast.unparse(node.func)
            if called == "cls" or called.rpartition(".")[2] in ERRORS:
                yield from filter(None, map(text_of, node.args))


def text_of(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(
                str(part.value) if isinstance(part, ast.Constant) else "..." for part in parts
            )
        case _:
            return ""


def test_every_method_that_an_error_mentions_is_told_as_a_command() -> None:
    methods = {
        name for name, _ in inspect.getmembers(Memory) if re.fullmatch("[a-z]+(_[a-z]+)+", name)
    }
    said = [spoken(message, {}) for message in messages()]
    assert len(said) > 300
    for message in said:
        words = set(re.findall(r"(?<![\w.])[a-z]+(?:_[a-z]+)+", message))
        assert not words & (methods - NO_COMMAND.keys()), message
        assert "Memory." not in message
        assert 'mode="read"' not in message


def test_what_is_told_otherwise_is_still_said_and_leads_to_commands_that_there_are() -> None:
    told = "\n".join(messages())
    for words in (*PHRASES, *COMMANDS):
        assert words in told or words in RECEIPTS, words
    groups = typer.main.get_command(app)
    context = typer.Context(groups)
    for named in COMMANDS.values():
        name, _, inner = named.removeprefix("memos ").partition(" ")
        found = groups.get_command(context, name)  # type: ignore[attr-defined]
        assert found is not None, named
        assert not inner or inner in found.commands, named


RECEIPTS = (SOURCES / "operation" / "receipt.py").read_text("utf-8")


def test_ways_on_are_named_as_one_types_them(shell: Shell, tmp_path: Path) -> None:
    one = shell.add("Tea.")
    shell.add("Milk.")
    cursor = shell.json("list", "--scope", "acme", "--limit", "1")["cursor"]
    assert shell.run("export", str(tmp_path / "out.zip")).code == 0
    for line, said in (
        (("list", "--scope", "acme", "--as-of", "x"), "`memos cut name`"),
        (
            ("list", "--scope", "acme", "--limit", "1", "--order", "oldest", "--cursor", cursor),
            "--as-of",
        ),
        (("set-header", one), "`memos set-header` changes nothing: pass --owner, --reader"),
        (("import", str(tmp_path / "out.zip"), "--scope", "acme"), "load it (`memos load`)"),
    ):
        ran = shell.run(*line)
        assert (ran.code != 0, said in ran.err, "=" in ran.err) == (True, True, False), ran.err
        assert not re.search(r"[a-z]_[a-z]|Memory", ran.err), ran.err


def test_what_cannot_be_written_leads_to_who_may(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.add("Tea.")
    monkeypatch.setattr("memos.infrastructure.engine.location.can_only_be_read", lambda _: True)
    ran = shell.run("add", "Milk.", "--scope", "acme")
    assert (ran.code, "run this as a user who may write there" in ran.err) == (1, True)
    assert can_only_be_read(shell.vault) is False
