"""Importing again: what changed is a new version, what moved keeps its history, the rest stays."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos import Forgotten, ImportReport, MemCube, Memory, Refused
from memos.infrastructure.transfer.importers import Item, Parsed

SCOPE = "acme/notes"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Notes of ten services, each a note of one section."""
    folder = tmp_path / "notes"
    folder.mkdir()
    for number in range(10):
        (folder / f"service-{number}.md").write_text(f"# Port\n\nIt listens on {8000 + number}.\n")
    return folder


@pytest.fixture
def imports(memory: Memory, folder: Path) -> Callable[..., ImportReport]:
    return lambda **options: memory.import_file(folder, scope=SCOPE, **options)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, len(report.removed)


def cube(memory: Memory, cube_id: str) -> MemCube:
    found = memory.get(cube_id, any_state=True)
    assert not isinstance(found, Forgotten)
    return found


def test_what_is_as_it_was_writes_no_event(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    assert counts(first) == (10, 0, 0, 0)
    digest, events = memory.digest(), memory.stats().events
    again = imports()
    assert counts(again) == (0, 0, 10, 0)
    assert again.cube_ids == first.cube_ids
    assert (memory.digest(), memory.stats().events) == (digest, events)
    assert memory.import_file([folder, folder / "service-1.md"], scope=SCOPE).skipped == (
        f"{folder}/service-1.md, line 1: it is {folder}/service-1.md, line 1 again",
    )
    assert memory.stats().events == events


def test_what_changed_is_a_new_version_of_the_same_memory(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first, before = imports(), memory.stats().events
    (folder / "service-3.md").write_text("# Port\n\nIt listens on 9999.\n")
    report = imports()
    assert counts(report) == (0, 1, 9, 0)
    assert (report.cube_ids, memory.stats().events) == (first.cube_ids, before + 1)
    changed = cube(memory, first.cube_ids[3])
    assert (changed.version, "9999" in changed.text) == (2, True)
    assert memory.search("8003", scope=SCOPE) == []
    assert memory.digest() == memory.rebuild().digest


def test_what_was_moved_keeps_its_history(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    (folder / "deep").mkdir()
    (folder / "service-3.md").rename(folder / "deep" / "gateway.md")
    (folder / "service-4.md").write_text("# The port\n\nIt listens on 8004.\n")
    report = imports()
    assert (counts(report), report.moved) == ((0, 2, 8, 0), 2)
    assert set(report.cube_ids) == set(first.cube_ids)
    moved = cube(memory, first.cube_ids[3])
    assert (moved.source, moved.version) == ("markdown:notes/deep/gateway.md/Port", 2)
    assert counts(imports()) == (0, 0, 10, 0)
    (folder / "service-3.md").write_text("# Port\n\nIt listens on 8003.\n")  # a copy is another one
    assert counts(imports()) == (1, 0, 10, 0)


def test_a_folder_that_was_moved_is_the_same_and_one_of_the_same_name_is_another(
    memory: Memory, folder: Path, tmp_path: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    shutil.copytree(folder, tmp_path / "copy" / "notes")
    other = memory.import_file(tmp_path / "copy" / "notes", scope=SCOPE)
    assert counts(other) == (10, 0, 0, 0)
    folder.rename(tmp_path / "renamed")
    report = memory.import_file(tmp_path / "renamed", scope=SCOPE)
    assert (report.cube_ids, report.moved) == (first.cube_ids, 10)
    assert memory.import_file(tmp_path / "copy" / "notes", scope=SCOPE).unchanged == 10


def test_a_named_root_is_the_same_wherever_its_files_lie(
    memory: Memory, folder: Path, tmp_path: Path
) -> None:
    first = memory.import_file(folder, scope=SCOPE, root="handbook")
    shutil.copytree(folder, tmp_path / "elsewhere")
    events = memory.stats().events
    report = memory.import_file(tmp_path / "elsewhere", scope=SCOPE, root="handbook")
    assert (report.cube_ids, counts(report)) == (first.cube_ids, (0, 0, 10, 0))
    assert memory.stats().events == events
    assert cube(memory, first.cube_ids[0]).source == "markdown:handbook/service-0.md/Port"
    one = memory.import_file(folder / "service-1.md", scope=SCOPE, root="handbook")
    assert (one.cube_ids, len(one.removed)) == (first.cube_ids[1:2], 9)


def test_what_was_imported_by_its_path_is_the_same_under_a_name(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    (folder / "service-1.md").write_text("# Port\n\nIt listens on 1.\n")
    named = imports(root="handbook")
    assert (named.cube_ids, counts(named)) == (first.cube_ids, (0, 10, 0, 0))
    assert counts(imports(root="handbook")) == (0, 0, 10, 0)


def test_a_root_is_the_same_by_its_name_and_by_its_path_wherever_it_lies(
    memory: Memory, folder: Path, tmp_path: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports(root="handbook")
    (folder / "service-1.md").write_text("# Port\n\nIt listens on 1.\n")
    (folder / "service-2.md").unlink()
    plan = imports(dry_run=True)
    by_path = imports()
    for told in (plan, by_path):
        assert (counts(told), told.moved) == ((0, 9, 0, 1), 9)
        assert told.cube_ids == first.cube_ids[:2] + first.cube_ids[3:]
    assert cube(memory, first.cube_ids[0]).source == "markdown:notes/service-0.md/Port"
    assert imports().unchanged == 9
    shutil.copytree(folder, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "service-3.md").write_text("# Port\n\nIt listens on 3.\n")
    named = memory.import_file(tmp_path / "elsewhere", scope=SCOPE, root="docs")
    assert (named.cube_ids, counts(named)) == (by_path.cube_ids, (0, 9, 0, 0))


def test_another_root_with_a_note_of_the_same_name_stays_another(
    memory: Memory, folder: Path, tmp_path: Path, imports: Callable[..., ImportReport]
) -> None:
    (folder / "license.md").write_text("# Licence\n\nApache 2.0.\n")
    imports(root="handbook")
    other = tmp_path / "other"
    other.mkdir()
    for number in range(3):
        (other / f"service-{number}.md").write_text(f"# Port\n\nNone, of {number}.\n")
    (other / "license.md").write_text("# Licence\n\nApache 2.0.\n")
    assert counts(memory.import_file(other, scope=SCOPE)) == (4, 0, 0, 0)
    assert counts(imports(root="handbook")) == (0, 0, 11, 0)
    alone = memory.import_file(other / "service-1.md", scope=SCOPE, root="other")
    assert (alone.added, alone.changed, alone.removed) == (0, 1, ())


def test_a_file_of_the_folder_is_the_same_alone_and_misses_only_what_it_held(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    (folder / "service-1.md").write_text("# Port\n\nIt listens on 1.\n\n# Host\n\nalpha\n")
    first = imports()
    (folder / "service-1.md").write_text("# Port\n\nIt listens on 2.\n")
    report = memory.import_file(folder / "service-1.md", scope=SCOPE)
    assert counts(report) == (0, 1, 0, 1)
    assert report.cube_ids == first.cube_ids[1:2]
    assert report.removed == ("markdown:notes/service-1.md/Host",)


def test_what_is_missing_is_told_and_archived_only_when_that_is_asked(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    (folder / "service-3.md").unlink()
    report = imports()
    assert report.removed == ("markdown:notes/service-3.md/Port",)
    assert memory.search("8003", scope=SCOPE)
    pruned = imports(prune=True)
    assert (pruned.archived, len(pruned.removed)) == (1, 1)
    assert memory.search("8003", scope=SCOPE) == []
    assert counts(imports()) == (0, 0, 9, 0)
    (folder / "service-3.md").write_text("# Port\n\nIt listens on 8003.\n")
    back = imports()
    assert (counts(back), back.cube_ids) == ((0, 1, 9, 0), first.cube_ids)
    assert memory.search("8003", scope=SCOPE)


def test_a_partial_export_empties_no_memory(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    imports()
    for number in range(3):
        (folder / f"service-{number}.md").unlink()
    events = memory.stats().events
    with pytest.raises(Refused, match=r"3 of the 10 .* more than 20%"):
        imports(prune=True)
    assert memory.stats().events == events
    assert imports(prune=True, yes=True).archived == 3
    assert memory.verify().ok


def test_what_was_erased_or_undone_stays_so_until_it_is_asked_for_again(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    (folder / "service-2.md").write_text("# Port\n\nIt listens on 2222.\n")
    imports()
    memory.erase(cube_id=first.cube_ids[0])
    memory.archive(first.cube_ids[1])
    memory.rollback(first.cube_ids[2], to_version=1)
    events = memory.stats().events
    report = imports()
    assert (report.withheld, report.unchanged, memory.stats().events) == (3, 7, events)
    assert [told.rpartition(" was ")[2] for told in report.skipped] == [
        "erased",
        "archived or undone",
        "undone",
    ]
    back = imports(again=True)
    assert (back.withheld, counts(back)) == (0, (1, 2, 7, 0))
    assert back.cube_ids[0] != first.cube_ids[0]
    assert back.cube_ids[1:] == first.cube_ids[1:]
    for port in ("8000", "8001", "2222"):
        assert memory.search(port, scope=SCOPE), port
    assert counts(imports()) == (0, 0, 10, 0)
    assert isinstance(memory.get(first.cube_ids[0]), Forgotten)
    assert memory.digest() == memory.rebuild().digest


def test_a_rolled_back_import_is_undone_whole_and_told(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    imports()
    memory.rollback(source="markdown:notes")
    report = imports()
    assert (report.withheld, counts(report)) == (10, (0, 0, 0, 0))


def test_what_was_changed_here_stays_where_the_file_says_nothing_new(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    memory.update(first.cube_ids[0], "Mended here.")
    memory.tag(first.cube_ids[1], "mine")
    assert imports().unchanged == 10
    file = folder / "service-0.md"
    file.write_text(f"---\ntags: [new]\n---\n{file.read_text()}")
    assert imports().changed == 1
    mended = cube(memory, first.cube_ids[0])
    assert (mended.text, mended.tags) == ("Mended here.", ("new",))
    assert cube(memory, first.cube_ids[1]).tags == ("mine",)


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    assert (imports(dry_run=True).added, memory.stats().events) == (10, 0)
    imports()
    (folder / "service-0.md").unlink()
    (folder / "service-1.md").write_text("# Port\n\nIt listens on 1.\n")
    (folder / "new.md").write_text("New.\n")
    events = memory.stats().events
    foreseen = imports(dry_run=True, prune=True)
    assert (counts(foreseen), foreseen.dry_run) == ((1, 1, 8, 1), True)
    assert memory.stats().events == events
    assert counts(imports(prune=True)) == counts(foreseen)


def test_an_item_is_known_by_its_own_id_in_any_file_and_place(
    memory: Memory, tmp_path: Path
) -> None:
    def export(name: str, *items: tuple[int, str]) -> Path:
        path = tmp_path / name
        path.write_text("".join(f"{json.dumps({'id': i, 'text': text})}\n" for i, text in items))
        return path

    first = memory.import_file(export("may.jsonl", (1, "One."), (2, "Two.")), scope=SCOPE)
    later = export("june.jsonl", (3, "Three."), (2, "Two, corrected."), (1, "One."))
    report = memory.import_file(later, scope=SCOPE)
    assert counts(report) == (1, 1, 1, 0)
    assert (report.cube_ids[2], report.cube_ids[1]) == first.cube_ids
    assert cube(memory, first.cube_ids[1]).text == "Two, corrected."
    twice = export("twice.jsonl", (1, "One."), (1, "Other."))
    with pytest.raises(Refused, match="line 2: its id is that of line 1"):
        memory.import_file(twice, scope=SCOPE)


def test_a_line_without_an_id_is_known_by_what_it_says_and_not_by_its_number(
    memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "lines.jsonl"
    lines = ['{"text": "One."}', '{"text": "One."}', '{"text": "Two."}']
    path.write_text("\n".join(lines))
    first = memory.import_file(path, scope=SCOPE)
    path.write_text("\n".join(['{"text": "Zero."}', *reversed(lines)]))
    report = memory.import_file(path, scope=SCOPE)
    assert counts(report) == (1, 0, 3, 0)
    assert set(report.cube_ids[1:]) == set(first.cube_ids)
    path.write_text("\n".join(lines[1:]))
    assert len(memory.import_file(path, scope=SCOPE).removed) == 2


def test_a_header_that_changed_in_the_file_changes_and_one_that_was_set_here_stays(
    memory: Memory, tmp_path: Path
) -> None:
    path = tmp_path / "lines.jsonl"

    def write(**fields: object) -> ImportReport:
        path.write_text(json.dumps({"id": "a", "text": "One.", **fields}))
        return memory.import_file(path, scope=SCOPE)

    (cube_id,) = write(priority=1, lifespan="90d").cube_ids
    memory.set_header(cube_id, purpose="planning")
    assert write(priority=1, lifespan="90d").unchanged == 1
    assert write(priority=2, lifespan="90d").changed == 1
    assert write(priority=2, lifespan="90d").unchanged == 1
    changed = cube(memory, cube_id)
    assert (changed.priority, changed.purpose) == (2, "planning")
    with pytest.raises(Refused, match="line 1: it is about 'ann' now"):
        write(priority=2, subject="ann")


def test_subject_and_tags_of_an_import_are_its_memories(memory: Memory, folder: Path) -> None:
    report = memory.import_file(folder, scope=SCOPE, subject="team", tags=["handbook"])
    assert cube(memory, report.cube_ids[0]).tags == ("handbook",)
    assert len(memory.erase(subject="team").cube_ids) == 10
    assert memory.import_file(folder, scope=SCOPE, subject="team").withheld == 10


def test_what_is_frozen_is_refused_and_the_rest_goes_in_where_that_is_asked(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    memory.freeze(first.cube_ids[0])
    for number in range(2):
        (folder / f"service-{number}.md").write_text(f"# Port\n\nIt listens on {number}.\n")
    (folder / "service-2.md").unlink()
    memory.freeze(first.cube_ids[2])
    events = memory.stats().events
    with pytest.raises(Refused, match=r"is frozen.*nothing was imported"):
        imports(prune=True)
    assert memory.stats().events == events
    report = imports(prune=True, skip_bad=True)
    assert (counts(report), report.archived) == ((0, 1, 7, 1), 0)
    assert [told.partition(": cube")[0] for told in report.refused] == [
        "service-0.md, line 1",
        "markdown:notes/service-2.md/Port",
    ]


def test_what_others_may_not_read_is_nothing_to_them(
    memory: Memory, folder: Path, imports: Callable[..., ImportReport]
) -> None:
    first = imports()
    memory.set_header(first.cube_ids[0], readers=["agent:alice"])
    (folder / "service-0.md").unlink()
    with Memory(memory.path, actor="agent:bob") as bobs:
        report = bobs.import_file(folder, scope=SCOPE)
        assert (counts(report), report.cube_ids) == ((0, 0, 9, 0), first.cube_ids[1:])
        (folder / "service-0.md").write_text("# Port\n\nIt listens on 8000.\n")
        assert bobs.import_file(folder, scope=SCOPE).added == 1


def test_an_import_that_was_cut_off_goes_on_where_it_was(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "lines.jsonl"
    path.write_text("".join(f'{{"text": "Fact {number}."}}\n' for number in range(30)))
    monkeypatch.setattr("memos.operation.commands.importing.run.BATCH", 10)

    def stop(done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        memory.import_file(path, scope=SCOPE, progress=stop)
    assert memory.stats().memories == 20
    assert counts(memory.import_file(path, scope=SCOPE)) == (10, 0, 20, 0)
    assert memory.stats().memories == 30


def test_an_item_that_is_not_to_be_changed_comes_in_frozen(
    memory: Memory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "kept.jsonl"
    path.write_text("One.")

    def parse(path: Path, form: str, *rest: object) -> tuple[str, Parsed]:
        fields = {"text": path.read_text()}
        return "jsonl", Parsed([Item("item 1", "1", fields, id="a", frozen=True)], [])

    monkeypatch.setattr("memos.operation.commands.importing.items.parse_file", parse)
    first = memory.import_file(path, scope=SCOPE)
    assert (first.added, cube(memory, first.cube_ids[0]).state) == (1, "Frozen")
    assert memory.import_file(path, scope=SCOPE).unchanged == 1
    path.write_text("Two.")
    with pytest.raises(Refused, match="is frozen"):
        memory.import_file(path, scope=SCOPE)
    assert memory.erase(cube_id=first.cube_ids[0]).cube_ids == first.cube_ids
