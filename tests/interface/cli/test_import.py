"""`memos import`: several paths, stdin, what is told, and the exit status."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.interface.cli.support import Shell


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(10):
        (folder / f"n{number}.md").write_text(f"Note {number} of the garden.\n")
    return folder


def test_several_paths_are_one_import(shell: Shell, notes: Path, tmp_path: Path) -> None:
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "One."}\n')
    arguments = ("import", str(notes), str(lines), "--scope", "acme", "--tag", "a", "--tag", "b")
    report = shell.json(*arguments, "--subject", "ann")
    assert (report["format"], report["added"]) == ("markdown, jsonl", 11)
    assert shell.json("get", report["cube_ids"][0])["tags"] == ["a", "b"]
    assert shell.json(*arguments, "--subject", "ann")["unchanged"] == 11


def test_stdin_is_a_file_of_its_own(shell: Shell) -> None:
    def piped(text: str) -> dict[str, object]:
        report: dict[str, object] = shell.run(
            "import", "-", "--scope", "acme", "--json", stdin=text
        ).result
        return report

    assert piped('{"text": "One."}')["format"] == "jsonl"
    again = piped('{"text": "One."}\n{"text": "Two."}\n')
    assert (again["added"], again["unchanged"]) == (1, 1)
    assert piped('[{"role": "user", "content": "Hi"}]')["format"] == "messages"
    assert piped("# Clay\n\nWet.\n")["format"] == "markdown"
    empty = shell.run("import", "-", "--scope", "acme", stdin="")
    assert (empty.code, "stdin is empty" in empty.err) == (2, True)
    nothing = shell.run("import", "-", "--scope", "acme", stdin='{"results": []}')
    assert nothing.err.startswith("stdin holds nothing to import")
    assert shell.run("import", "-", "-", "--scope", "acme").code == 2


def test_what_was_done_is_told_and_what_is_withheld_fails(shell: Shell, notes: Path) -> None:
    arguments = ("import", str(notes), "--scope", "acme")
    assert shell.json(*arguments, "--dry-run")["added"] == 10
    assert not shell.vault.exists()
    cube_id = shell.json(*arguments)["cube_ids"][0]
    (notes / "n1.md").write_text("Another text.\n")
    (notes / "n2.md").unlink()
    foreseen = shell.run(*arguments, "--dry-run")
    assert "would import 0 memories" in foreseen.out
    told = shell.run(*arguments)
    assert told.code == 0
    assert "1 changed" in told.out
    assert "missing markdown:notes/n2.md" in told.out
    assert "8 were there already" in told.out
    assert "1 are missing and were archived" in shell.run(*arguments, "--prune").out
    shell.run("archive", cube_id)
    withheld = shell.run(*arguments)
    assert withheld.code == 1
    assert "n0.md, line 1" in withheld.out
    assert "--again brings them back" in withheld.out
    assert shell.run(*arguments, "--again").code == 0
    assert shell.run(*arguments).code == 0


def test_prune_of_a_part_needs_yes_and_bad_items_need_skip_bad(
    shell: Shell, notes: Path, tmp_path: Path
) -> None:
    arguments = ("import", str(notes), "--scope", "acme", "--prune")
    shell.run(*arguments)
    for number in range(5):
        (notes / f"n{number}.md").unlink()
    assert shell.run(*arguments).code == 1
    assert shell.json(*arguments, "--yes")["archived"] == 5
    lines = tmp_path / "lines.jsonl"
    lines.write_text('{"text": "One."}\n' + "{\n" * 30)
    refused = shell.run("import", str(lines), "--scope", "acme")
    assert (refused.code, refused.err.count("is no JSON")) == (1, 30)
    skipped = shell.run("import", str(lines), "--scope", "acme", "--skip-bad")
    assert skipped.code == 1
    assert "imported 1 memories" in skipped.out
    assert skipped.out.count("refused line ") == 30


def test_a_zip_may_come_by_stdin(shell: Shell) -> None:
    fixture = Path(__file__).parents[2] / "fixtures/imports/chatgpt.json"
    packed = BytesIO()
    with ZipFile(packed, "w") as archive:
        archive.writestr("conversations.json", fixture.read_bytes())
    ran = shell.run("import", "-", "--scope", "acme", "--json", stdin=packed.getvalue())
    assert ran.result["format"] == "chatgpt"


def test_an_import_that_is_refused_makes_no_vault(shell: Shell, tmp_path: Path) -> None:
    bad = tmp_path / "empty.json"
    bad.write_text("[]")
    assert shell.run("import", str(bad), "--scope", "acme").code == 1
    assert not shell.vault.exists()


def test_a_format_that_is_not_clear_is_named_by_its_option(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "empty.json").write_text("[]")
    for given in ((), ("--format", "nope")):
        refused = shell.run("import", str(tmp_path / "empty.json"), "--scope", "acme", *given)
        assert "--format" in refused.err
        assert "format=" not in refused.err
