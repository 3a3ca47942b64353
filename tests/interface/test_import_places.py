"""Where what is imported came from: other files, and folders inside one another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory
from tests.interface.test_import_again import SCOPE, counts


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


def test_a_folder_and_one_inside_it_imported_in_turn_write_no_event(
    memory: Memory, tmp_path: Path
) -> None:
    folder = tmp_path / "notes"
    (folder / "east").mkdir(parents=True)
    for number in range(10):
        (folder / f"service-{number}.md").write_text(f"# Port\n\nIt listens on {8000 + number}.\n")
    (folder / "east" / "harbour.md").write_text("# Port\n\nShips land here.\n")
    memory.import_file(folder, scope=SCOPE)
    events = memory.stats().events
    for path in (folder / "east", folder, folder / "east" / "harbour.md", folder):
        report = memory.import_file(path, scope=SCOPE)
        assert (report.added, report.changed, report.removed) == (0, 0, ())
    assert memory.stats().events == events
    (folder / "east" / "harbour.md").rename(folder / "harbour.md")
    moved = memory.import_file(folder, scope=SCOPE)
    assert counts(moved) == (0, 1, 10, 0)
    (found,) = memory.list(scope=SCOPE, filter={"metadata.file": "harbour.md"})
    assert found.version == 2


def test_what_another_file_changed_came_from_there(memory: Memory, tmp_path: Path) -> None:
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    lines = [json.dumps({"id": f"x{number}", "text": f"item {number}"}) for number in range(6)]
    first.write_text("\n".join(lines))
    second.write_text(json.dumps({"id": "x0", "text": "item 0, as it is now"}))
    memory.import_file(first, scope=SCOPE)
    assert counts(memory.import_file(second, scope=SCOPE)) == (0, 1, 0, 0)
    first.write_text("\n".join(lines[1:]))
    report = memory.import_file(first, scope=SCOPE, prune=True)
    assert (report.unchanged, report.removed) == (5, ())
    assert [hit.text for hit in memory.search("now", scope=SCOPE)] == ["item 0, as it is now"]
    second.write_text(json.dumps({"id": "y", "text": "another"}))
    removed = memory.import_file(second, scope=SCOPE, prune=True, yes=True).removed
    assert removed == ("jsonl:second.jsonl/1",)
