"""An erase that comes with a package reaches what was made here of the memories that it erased."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import Forgotten, Memory
from memos.operation.commands.load import warn_of_refused


def test_what_was_made_here_of_a_memory_erased_elsewhere_is_erased_with_it(tmp_path: Path) -> None:
    with Memory(tmp_path / "first", actor="agent:root") as first:
        told = first.add("ann's private zanzibar", scope="acme/s", subject="ann").cube_id
        for number in range(4):
            first.add(f"pad {number}", scope="acme/s")
        first.export(tmp_path / "before")
        second = Memory.load(tmp_path / "before", into=tmp_path / "second", actor="agent:root")
        first.erase(subject="ann")
        first.export(tmp_path / "after")
    with second:
        copy = second.add(
            "copied: zanzibar", scope="acme/s", derived_from=[told], tags=["z"]
        ).cube_id
        again = second.add("of the copy: zanzibar", scope="acme/s", derived_from=[copy]).cube_id
        other = second.add("zanzibar is an island", scope="acme/s").cube_id
        report = second.import_export(tmp_path / "after")
        assert set(report.erased) == {told, copy, again}
        assert report.left == ()
        for cube_id in (told, copy, again):
            assert isinstance(second.get(cube_id), Forgotten)
        assert [hit.cube_id for hit in second.search("zanzibar", scope="acme")] == [other]
        assert second.tags("acme") == {}
        assert second.digest() == second.rebuild().digest
        assert second.audit().problems == ()


def test_what_is_held_of_it_is_named_and_what_is_frozen_goes(tmp_path: Path) -> None:
    with Memory(tmp_path / "first", actor="agent:root") as first:
        told = first.add("ann's private zanzibar", scope="acme/s", subject="ann").cube_id
        first.export(tmp_path / "before")
        second = Memory.load(tmp_path / "before", into=tmp_path / "second", actor="agent:root")
        first.erase(subject="ann")
        first.export(tmp_path / "after")
    with second:
        copy = second.add("copied: zanzibar", scope="acme/s", derived_from=[told]).cube_id
        frozen = second.add("frozen: zanzibar", scope="acme/s", derived_from=[told]).cube_id
        second.hold(copy)
        second.freeze(frozen)
        report = second.import_export(tmp_path / "after")
        assert (set(report.erased), report.left) == ({told, frozen}, (copy,))
        assert isinstance(second.get(told), Forgotten)
        with pytest.warns(UserWarning, match="lift the hold"):
            warn_of_refused(report)
