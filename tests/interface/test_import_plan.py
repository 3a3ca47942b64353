"""What a dry run of an import foretells is what the import does, whoever governs what is there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memos import ImportReport, Memory, Refused

SCOPE = "acme/x"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "a.vault", actor="root") as opened:
        yield opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "md"
    folder.mkdir()
    for name in "abc":
        (folder / f"{name}.md").write_text(f"# {name}\n\nOne.\n")
    return folder


@pytest.fixture
def eves(memory: Memory, folder: Path) -> Callable[..., ImportReport]:
    eve = memory.as_actor("eve")
    return lambda **options: eve.import_file(folder, scope=SCOPE, root="h", **options)


def change(folder: Path) -> None:
    for note in folder.iterdir():
        note.write_text(note.read_text().replace("One.", "Two."))


def hide(memory: Memory, cube_id: str) -> None:
    memory.set_header(cube_id, owner="alice", readers=["alice"])


def test_a_plan_and_its_import_refuse_what_others_govern_in_the_same_words(
    memory: Memory, folder: Path, eves: Callable[..., ImportReport]
) -> None:
    a, b, _ = eves().cube_ids
    memory.set_header(a, owner="alice", writers=["alice"])
    hide(memory, b)
    change(folder)
    before = memory.digest()
    told = []
    for is_dry in (True, False):
        with pytest.raises(Refused, match="2 items cannot be imported, and nothing was") as refused:
            eves(dry_run=is_dry)
        told.append(str(refused.value))
    assert (told[0] == told[1], memory.digest() == before) == (True, True)
    assert "b.md, line 1: somebody else governs what was imported from here" in told[0]
    assert (a in told[0], b in told[0], "key" in told[0]) == (True, False, False)
    plan = eves(dry_run=True, skip_bad=True)
    done = eves(skip_bad=True)
    assert done == replace(plan, dry_run=False)
    assert (done.added, done.changed, len(done.refused), b in done.cube_ids) == (0, 1, 2, False)


@pytest.mark.parametrize("again", [False, True])
def test_what_was_hidden_is_told_of_alike_whatever_became_of_it(
    memory: Memory, folder: Path, eves: Callable[..., ImportReport], again: bool
) -> None:
    a, b, c = eves().cube_ids
    for cube_id in (a, b, c):
        hide(memory, cube_id)
    memory.archive(b)
    memory.erase(cube_id=c)
    events = memory.stats().events
    told = eves(skip_bad=True, again=again).refused
    assert {line.partition(": ")[2] for line in told} == {
        "somebody else governs what was imported from here: leave it out, or ask them"
    }
    assert len(told) == 3
    assert memory.stats().events == events


def test_what_another_imported_and_hid_is_nothing_to_who_imports_the_same(
    memory: Memory, folder: Path, eves: Callable[..., ImportReport]
) -> None:
    for cube_id in memory.import_file(folder, scope=SCOPE, root="h").cube_ids:
        hide(memory, cube_id)
    assert (eves(dry_run=True).added, eves().added) == (3, 3)


def test_a_plan_to_prune_says_what_is_archived_and_what_stays(
    memory: Memory, folder: Path, eves: Callable[..., ImportReport]
) -> None:
    a, b, _ = eves().cube_ids
    memory.freeze(a)
    memory.set_header(b, owner="alice", writers=["alice"])
    for note in folder.iterdir():
        note.unlink()
    (folder / "new.md").write_text("# new\n\nOther.\n")
    plan = eves(dry_run=True, prune=True, yes=True)
    done = eves(prune=True, yes=True)
    assert (done.archived, len(done.removed), len(done.refused)) == (1, 3, 2)
    assert (plan.archived, plan.removed, plan.refused) == (1, done.removed, done.refused)


def test_two_items_under_one_key_are_refused_before_anything_is_written(
    memory: Memory, tmp_path: Path
) -> None:
    lines = [{"id": n, "text": f"Fact {n}.", "idempotency_key": "k"} for n in (1, 2)]
    path = tmp_path / "lines.jsonl"
    path.write_text("\n".join(map(json.dumps, lines)))
    for is_dry in (True, False):
        with pytest.raises(Refused, match="line 2: its idempotency key is that of line 1, too"):
            memory.import_file(path, scope=SCOPE, dry_run=is_dry)
    assert memory.stats().memories == 0


def test_a_plan_counts_links_that_lead_nowhere_as_the_import_does(
    memory: Memory, folder: Path, eves: Callable[..., ImportReport]
) -> None:
    (folder / "a.md").write_text("See [[b]], [[nowhere]] and [[gone]].\n")
    plan = eves(dry_run=True)
    assert plan.not_kept == eves().not_kept
    assert plan.not_kept == {"links to notes that are not in what is imported": 2}
    assert eves(dry_run=True).not_kept == plan.not_kept
