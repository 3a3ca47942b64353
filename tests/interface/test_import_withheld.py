"""What was erased, archived or undone is told of and stays so, whatever its file is called now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos import ImportReport, Memory

SCOPE = "acme/notes"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


def _erase(memory: Memory, report: ImportReport) -> None:
    memory.erase(cube_ids=list(report.cube_ids))


def _archive(memory: Memory, report: ImportReport) -> None:
    for cube_id in report.cube_ids:
        memory.archive(cube_id)


def _erase_scope(memory: Memory, report: ImportReport) -> None:
    memory.erase(scope=SCOPE)


def _undo(memory: Memory, report: ImportReport) -> None:
    assert report.added
    memory.rollback(source="markdown:notes")


@pytest.mark.parametrize("gone", [_erase, _archive, _erase_scope, _undo])
@pytest.mark.parametrize("new_name", ["b.md", "inner/b.md"])
def test_what_is_gone_stays_so_when_its_file_is_renamed(
    memory: Memory, tmp_path: Path, gone: Callable[[Memory, ImportReport], None], new_name: str
) -> None:
    notes = tmp_path / "notes"
    (notes / "inner").mkdir(parents=True)
    (notes / "a.md").write_text("# Diet\n\nNo peanuts for her.\n")
    first = memory.import_file(notes, scope=SCOPE)
    gone(memory, first)
    (notes / "a.md").rename(notes / new_name)
    (notes / "other.md").write_text("# Diet\n\nNo milk for him.\n")
    report = memory.import_file(notes, scope=SCOPE)
    assert (report.added, report.withheld, len(report.skipped)) == (1, 1, 1)
    assert not memory.search("peanuts", scope=SCOPE)
    back = memory.import_file(notes, scope=SCOPE, again=True)
    assert (back.withheld, back.added + back.moved) == (0, 1)
    assert len(memory.search("peanuts", scope=SCOPE)) == 1
    assert memory.import_file(notes, scope=SCOPE).unchanged == 2


def test_an_erased_chat_stays_so_in_a_renamed_file_and_another_chat_comes_in(
    memory: Memory, tmp_path: Path
) -> None:
    def chat(name: str, *words: str) -> Path:
        roles = ("user", "assistant") * len(words)
        told = [{"role": r, "content": w} for r, w in zip(roles, words, strict=False)]
        (tmp_path / name).write_text(json.dumps(told))
        return tmp_path / name

    old = chat("old.json", "My PIN is 1234", "ok")
    _erase(memory, memory.import_file(old, scope=SCOPE))
    report = memory.import_file(old.rename(tmp_path / "new.json"), scope=SCOPE)
    assert (report.added, report.withheld) == (0, 2)
    other = memory.import_file(chat("other.json", "Call the plumber", "ok"), scope=SCOPE)
    assert (other.added, other.withheld) == (2, 0)


def test_a_pruned_note_that_returns_under_another_name_keeps_its_history(
    memory: Memory, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(6):
        (folder / f"service-{number}.md").write_text(f"# Port\n\nIt listens on {8000 + number}.\n")
    first = memory.import_file(folder, scope=SCOPE)
    (folder / "service-3.md").unlink()
    memory.import_file(folder, scope=SCOPE, prune=True)
    (folder / "back.md").write_text("# Port\n\nIt listens on 8003.\n")
    report = memory.import_file(folder, scope=SCOPE)
    assert (report.added, report.moved) == (0, 1)
    assert set(report.cube_ids) == set(first.cube_ids)
    assert memory.search("8003", scope=SCOPE)
