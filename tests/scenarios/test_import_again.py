"""A folder of notes that is imported again and again, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory, Refused
from tests.scenarios.place import read


def test_a_folder_of_notes_is_kept_in_step(memory: Memory, tenant: str, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(10):
        (folder / f"service-{number}.md").write_text(
            f"# Port\n\nIt listens on {8000 + number}. See [[service-0]].\n"
        )

    def events() -> int:
        return len(list(memory.events(scope=tenant)))

    def found(words: str) -> bool:
        return any(words in hit.text for hit in memory.search(words, scope=tenant))

    first = memory.import_file(folder, scope=tenant)
    assert (first.added, first.refused) == (10, ())
    (edge,) = memory.lineage(first.cube_ids[1], direction="upstream", depth=1).edges
    assert (edge.relation, edge.source[0]) == ("linked", first.cube_ids[0])

    before = events()
    assert memory.import_file(folder, scope=tenant).unchanged == 10
    assert events() == before

    (folder / "service-3.md").write_text("# Port\n\nIt listens on 9999.\n")
    (folder / "service-4.md").rename(folder / "moved.md")
    (folder / "service-5.md").unlink()
    report = memory.import_file(folder, scope=tenant, prune=True)
    assert (report.changed, report.moved, report.archived, report.added) == (2, 1, 1, 0)
    assert events() == before + 3
    assert set(report.cube_ids) == set(first.cube_ids) - {first.cube_ids[5]}
    assert [found(words) for words in ("9999", "8004", "8003", "8005")] == [
        True,
        True,
        False,
        False,
    ]
    assert read(memory, first.cube_ids[4]).source == "markdown:notes/moved.md/Port"

    memory.erase(cube_id=first.cube_ids[0])
    memory.archive(first.cube_ids[1])
    withheld = memory.import_file(folder, scope=tenant)
    assert (withheld.withheld, withheld.unchanged) == (2, 7)
    again = memory.import_file(folder, scope=tenant, again=True)
    assert (again.added, again.changed, again.withheld) == (1, 1, 0)
    assert found("8000")
    assert found("8001")

    for number in (6, 7):
        (folder / f"service-{number}.md").unlink()
    with pytest.raises(Refused, match="2 of the 9"):
        memory.import_file(folder, scope=tenant, prune=True)
    assert found("8006")
