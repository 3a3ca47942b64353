"""Exports that go on from one another, from the caller's side, on both engines."""

from __future__ import annotations

from pathlib import Path

from memos import Forgotten, Memory
from tests.scenarios.place import read


def test_what_came_behind_an_export_is_exported_by_itself_and_loaded_behind_it(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    moved, pots, runs = memory.add_many(
        [
            {"text": text, "scope": f"{tenant}/alice"}
            for text in ("from Sweden", "likes pottery", "runs at dawn")
        ]
    )
    memory.name_cut(f"{tenant} before")
    memory.export(tmp_path / "one.memos", passphrase="correct horse")
    memory.update(moved.cube_id, "from Norway")
    memory.name_cut(f"{tenant} after")
    memory.erase(cube_id=pots.cube_id)
    report = memory.export(
        tmp_path / "two.memos", since=tmp_path / "one.memos", passphrase="correct horse"
    )
    assert 0 < report.events < len(list(memory.events()))
    merged = memory.merge([moved.cube_id, runs.cube_id], scope=f"{tenant}/alice")
    memory.export(
        tmp_path / "three.memos", since=tmp_path / "two.memos", passphrase="correct horse"
    )
    paths = [tmp_path / name for name in ("one.memos", "two.memos", "three.memos")]
    with Memory.load(paths, tmp_path / "copy.vault", passphrase="correct horse") as copy:
        assert copy.digest() == memory.digest()
        assert copy.audit().ok
        assert isinstance(copy.get(pots.cube_id), Forgotten)
        assert read(copy, merged.cube_id).text == read(memory, merged.cube_id).text
        for named, text in (("before", "from Sweden"), ("after", "from Norway")):
            assert read(copy, moved.cube_id, as_of=f"{tenant} {named}").text == text
        for cube_id in (moved.cube_id, pots.cube_id, runs.cube_id):
            assert [c.entry.log_time for c in copy.history(cube_id)] == [
                c.entry.log_time for c in memory.history(cube_id)
            ]
