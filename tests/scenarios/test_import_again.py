"""A folder of notes that is imported again and again, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory, Refused
from tests.scenarios.place import read


def linked(memory: Memory, cube_id: str) -> set[str]:
    """What a note links to."""
    edges = memory.lineage(cube_id, direction="upstream", depth=1).edges
    return {edge.source[0] for edge in edges if edge.relation == "linked"}


def test_a_link_that_was_taken_out_of_a_note_ends_and_stays_in_history(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    for name, text in (("a", "See [[b]] and [[c]]."), ("b", "B."), ("c", "C. [[a]]")):
        (tmp_path / f"{name}.md").write_text(text)
    a, b, c = memory.import_file(tmp_path, scope=tenant).cube_ids
    own = memory.add("A person's own.", scope=tenant).cube_id
    memory.link(a, own, "linked")
    assert (linked(memory, a), linked(memory, c)) == ({b, c, own}, {a})
    (tmp_path / "a.md").write_text("See [[c]].")
    (tmp_path / "c.md").write_text("C.")
    report = memory.import_file(tmp_path, scope=tenant)
    assert (report.changed, report.refused) == (2, ())
    assert (linked(memory, a), linked(memory, c)) == ({c, own}, set())
    assert memory.history(a)[-1].entry.kind == "RolledBack"
    assert read(memory, a).text.endswith("See [[c]].")
    assert memory.import_file(tmp_path, scope=tenant).unchanged == 3
    (tmp_path / "c.md").unlink()  # the note still names it
    memory.import_file(tmp_path, scope=tenant)
    assert linked(memory, a) == {c, own}
    (tmp_path / "c.md").write_text("C.")
    (tmp_path / "a.md").write_text("See [[b]] again.")
    memory.import_file(tmp_path, scope=tenant)
    assert linked(memory, a) == {b, own}
    assert memory.verify().ok


def test_the_undo_of_an_import_tells_of_the_links_that_it_does_not_bring_back(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    for name, text in (("a", "See [[b]]."), ("b", "B."), ("c", "C.")):
        (tmp_path / f"{name}.md").write_text(text)
    a, b, _ = memory.import_file(tmp_path, scope=tenant).cube_ids
    (tmp_path / "a.md").write_text("See nothing.")
    (tmp_path / "c.md").write_text("C, too.")
    memory.import_file(tmp_path, scope=tenant)
    operation = memory.history(a)[-1].entry.operation_id
    plan = memory.rollback(operation=operation, dry_run=True)
    done = memory.rollback(operation=operation)
    assert (plan.links_ended, done.links_ended) == ((a,), (a,))
    assert f"{a} gets no link back" in str(plan)
    assert read(memory, a).text.endswith("See [[b]].")
    assert linked(memory, a) == set()
    memory.link(a, b, "linked")
    assert memory.rollback(operation=operation, dry_run=True).links_ended == ()


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
    assert events() == before + 4  # the note that was edited links to nothing any more
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
