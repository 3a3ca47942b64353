"""What a former release imported is known again: nothing is there twice, and all of it keeps its history.

`tests/fixtures/make_imports.py` made the fixture with the release that its directory names.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Forgotten, Memory
from tests.fixtures.make import ADMINISTRATOR
from tests.fixtures.make_imports import SCOPE, write_files

VAULT = Path(__file__).parent / "fixtures" / "imported_0_1" / "vault"
MEMORIES = 13
EMPTY_HEADINGS = 1
"""Headings without a text, which that release passed over."""
CALLS = 1
"""Calls of tools, which that release passed over, too."""


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    vault = tmp_path / "vault"
    shutil.copytree(VAULT, vault)
    for file in vault.iterdir():  # git keeps no permissions, and keys are nobody's
        file.chmod(0o600)
    with Memory(vault, actor=ADMINISTRATOR, create=False) as opened:
        yield opened


def test_the_same_files_double_nothing_and_are_marked_once(memory: Memory, tmp_path: Path) -> None:
    paths = write_files(tmp_path)
    assert memory.stats().memories == MEMORIES
    added = [memory.import_file(path, scope=SCOPE).added for path in paths]
    assert added == [EMPTY_HEADINGS, 0, CALLS, 0, 0]
    assert memory.stats().memories == MEMORIES + EMPTY_HEADINGS + CALLS
    events = memory.stats().events
    for path in paths:
        report = memory.import_file(path, scope=SCOPE)
        assert (report.added, report.changed, report.removed) == (0, 0, ())
    assert memory.stats().events == events
    assert memory.digest() == memory.rebuild().digest


def test_notes_that_were_edited_and_moved_meanwhile_are_the_same_memories(
    memory: Memory, tmp_path: Path
) -> None:
    notes = write_files(tmp_path)[0]
    (notes / "sub" / "b.md").rename(notes / "c.md")
    text = (notes / "a.md").read_text().replace("Hot.", "Very hot.")
    (notes / "a.md").write_text(text.replace("# Clay", "# New\n\nNew.\n\n# Clay"))
    report = memory.import_file(notes, scope=SCOPE)
    assert (report.added, report.removed) == (1 + EMPTY_HEADINGS, ())
    assert memory.stats().memories == MEMORIES + 1 + EMPTY_HEADINGS
    (hit, *_) = memory.search("Just words", scope=SCOPE)
    assert len([change for change in memory.history(hit.cube_id) if change.version]) == 2


def test_what_was_erased_before_it_is_imported_by_this_release_stays_erased(
    memory: Memory, tmp_path: Path
) -> None:
    paths = write_files(tmp_path)
    hits = [memory.search(text, scope=SCOPE)[0] for text in ("Likes pottery", "Just words", "Two")]
    for hit in hits:
        memory.erase(cube_id=hit.cube_id)
    assert sum(memory.import_file(path, scope=SCOPE).withheld for path in paths) == len(hits)
    for hit in hits:
        assert isinstance(memory.get(hit.cube_id), Forgotten)
        assert memory.search(hit.text, scope=SCOPE) == [] or hit.text not in {
            found.text for found in memory.search(hit.text, scope=SCOPE)
        }
