"""An erase that comes with a package reaches what was made here of the memories that it erased."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from memos import Forgotten, IllegalMove, Memory, Refused
from memos.interface.vaults import migrate
from memos.operation.commands.load import warn_of_refused
from tests.infrastructure.transfer.forged_export import change_manifest, sign_again


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


ROOT = "agent:root"
SCOPE = "acme/s"
SECRET = "ann's private zanzibar"


class Told(NamedTuple):
    """A vault that took in a memory of another one, which erased it since."""

    here: Memory
    cube_id: str
    erased: Path
    """The export that says so."""
    path: Path

    def shows(self, cube_id: str) -> set[bool]:
        """Whether each read that could show a memory does."""
        here = self.here
        here.export(self.path / f"shown-{len(list(self.path.iterdir()))}", scope=SCOPE)
        exported = max(self.path.glob("shown-*"), key=lambda path: path.stat().st_mtime_ns)
        return {
            bool(here.get(cube_id)),
            any(change.text for change in here.history(cube_id)),
            cube_id in {hit.cube_id for hit in here.search("zanzibar", scope=SCOPE)},
            cube_id in {cited.cube_id for cited in here.context("zanzibar", scope=SCOPE).citations},
            cube_id in (exported / "memories.jsonl").read_text(),
        }


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with Memory(tmp_path / "first", actor=ROOT) as first:
        cube_id = first.add(SECRET, scope=SCOPE, subject="ann").cube_id
        for number in range(4):
            first.add(f"pad {number}", scope=SCOPE)
        first.export(tmp_path / "before")
        with Memory(tmp_path / "second", actor=ROOT) as here:
            here.import_export(tmp_path / "before")
            first.erase(subject="ann")
            first.export(tmp_path / "after")
            yield Told(here, cube_id, tmp_path / "after", tmp_path)


KILLED = """
import os, signal, sys
import memos.operation.commands.load as load
load.finish_asked = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
from memos import Memory
Memory(sys.argv[1], actor="agent:root").import_export(sys.argv[2])
"""


@pytest.mark.parametrize("by", ["opening", "sweep", "import"])
def test_an_import_that_is_killed_behind_its_commit_is_finished_by_the_next_who_comes(
    told: Told, by: str
) -> None:
    copy = told.here.add("copied: zanzibar", scope=SCOPE, derived_from=[told.cube_id]).cube_id
    killed = [sys.executable, "-c", KILLED, str(told.path / "second"), str(told.erased)]
    assert subprocess.run(killed, check=False).returncode == -9
    with pytest.raises(IllegalMove, match="being erased"):
        told.here.update(copy, "changed")
    if by == "opening":
        Memory(told.path / "second", actor=ROOT).close()
    elif by == "sweep":
        told.here.sweep()
    else:
        told.here.import_export(told.erased)
    assert told.shows(copy) == told.shows(told.cube_id) == {False}
    again = told.here.import_export(told.erased)
    assert (again.events, again.erased, again.left) == (0, (), ())
    assert told.here.audit().problems == ()


@pytest.mark.parametrize("by", ["sweep", "import", "migrate"])
def test_what_was_held_reads_as_it_is_and_goes_once_its_hold_is_lifted(told: Told, by: str) -> None:
    here = told.here
    copy = here.add("copied: zanzibar", scope=SCOPE, derived_from=[told.cube_id]).cube_id
    here.hold(copy)
    assert here.import_export(told.erased).left == (copy,)
    assert told.shows(copy) == {True}
    again = here.add("of the copy: zanzibar", scope=SCOPE, derived_from=[copy]).cube_id
    swept = here.sweep()
    assert (swept.held, swept.erased) == ((copy,), (again,))
    report = here.import_export(told.erased)
    assert (report.left, report.erased, told.shows(copy)) == ((copy,), (), {True})
    if by == "migrate":
        migrate(told.path / "second", told.path / "third", actor=ROOT)
        here = Memory(told.path / "third", actor=ROOT)
    here.lift_hold(copy)
    done = here.import_export(told.erased) if by == "import" else here.sweep()
    assert done.erased == (copy,)
    assert Told(here, told.cube_id, told.erased, told.path).shows(copy) == {False}
    assert here.sweep().erased == here.import_export(told.erased).erased == ()
    assert here.audit().problems == ()
    if by == "migrate":
        here.close()


def test_what_the_other_vault_left_standing_stays(tmp_path: Path) -> None:
    now = [1_800_000_000_000_000]

    def clock() -> int:
        now[0] += 1
        return now[0]

    with (
        Memory(tmp_path / "first", actor=ROOT, clock=clock) as first,
        Memory(tmp_path / "first", actor="agent:alice", clock=clock) as alice,
        Memory(tmp_path / "first", actor="agent:eve", clock=clock) as eve,
    ):
        for number in range(20):
            first.add(f"pad {number}", scope="other")
        bait = eve.add("bait: zanzibar", scope=SCOPE).cube_id
        first.export(tmp_path / "before")
        first.export(tmp_path / "began", scope="acme")
        notes = alice.add("notes: zanzibar", scope="acme/n", derived_from=[bait]).cube_id
        first.export(tmp_path / "between")
        eve.set_lifespan(bait, "1d", then="erase")
        now[0] += 2 * 86_400_000_000
        assert first.sweep().left == (notes,)
        first.export(tmp_path / "after")
        first.export(tmp_path / "part", scope="acme")
        first.export(tmp_path / "without", scope=SCOPE)
    for loaded, before, after in (
        (False, "before", "after"),
        (False, "between", "after"),
        (False, "between", "part"),
        (False, "between", "without"),
        (True, "before", "after"),
        (True, "began", "after"),
        (True, "between", "part"),
        (True, "between", "without"),
    ):
        path = tmp_path / f"{before}-{after}-{loaded}.vault"
        if loaded:
            Memory.load(tmp_path / before, into=path, actor=ROOT, clock=clock).close()
        with Memory(path, actor=ROOT, clock=clock) as here:
            for number in range(8):
                here.add(f"own {number}", scope=SCOPE)
            here.import_export(tmp_path / before)
            own = here.add("own: zanzibar", scope=SCOPE, derived_from=[bait]).cube_id
            report = here.import_export(tmp_path / after)
            assert (set(report.erased), report.left) == ({bait, own}, ())
            assert here.get(notes)
            assert [hit.cube_id for hit in here.search("zanzibar", scope="acme")] == [notes]
            assert [change.text for change in here.history(notes)] == ["notes: zanzibar"]


@pytest.mark.parametrize("is_held", [False, True])
def test_an_erase_reaches_a_memory_that_went_on_differently_here(told: Told, is_held: bool) -> None:
    here, cube_id = told.here, told.cube_id
    here.tag(cube_id, "seen")
    copy = here.add("copied: zanzibar", scope=SCOPE, derived_from=[cube_id]).cube_id
    if is_held:
        here.hold(cube_id)
    report = here.import_export(told.erased)
    assert (report.refused, report.ok) == ((), True)
    if is_held:
        assert (report.erased, report.left) == ((copy,), (cube_id,))
        assert told.shows(cube_id) == {True}
        here.lift_hold(cube_id)
        assert here.sweep().erased == (cube_id,)
    else:
        assert (set(report.erased), report.left) == ({cube_id, copy}, ())
    assert told.shows(cube_id) == told.shows(copy) == {False}
    again = here.import_export(told.erased)
    assert (again.events, again.erased, again.refused) == (0, (), ())
    assert here.audit().problems == ()
    assert here.digest() == here.rebuild().digest


@pytest.mark.parametrize("into", ["new", "own"])
@pytest.mark.parametrize("scope", [None, SCOPE])
def test_an_erase_that_waits_for_a_hold_goes_along_with_an_export(
    told: Told, into: str, scope: str | None
) -> None:
    here = told.here
    copy = here.add("copied: zanzibar", scope=SCOPE, derived_from=[told.cube_id]).cube_id
    other = here.add("own: zanzibar", scope=SCOPE).cube_id
    here.hold(copy)
    assert here.import_export(told.erased).left == (copy,)
    here.export(told.path / "owed", scope=scope)
    if into == "own":
        Memory(told.path / into, actor=ROOT).close()
    with pytest.warns(UserWarning, match="lift the hold"):
        loaded = Memory.load(told.path / "owed", into=told.path / into, actor=ROOT)
    with loaded:
        assert loaded.load_report is not None
        assert loaded.load_report.left == (copy,)
        assert loaded.sweep().held == (copy,)
        loaded.lift_hold(copy)
        assert loaded.sweep().erased == (copy,)
        assert isinstance(loaded.get(copy), Forgotten)
        assert loaded.get(other)
        assert loaded.audit().problems == ()


def test_an_export_makes_nobody_owe_an_erase_of_what_it_does_not_hold(
    told: Told, tmp_path: Path
) -> None:
    here = told.here
    mine = here.add("mine", scope=SCOPE).cube_id
    with Memory(tmp_path / "stranger", actor=ROOT) as stranger:
        stranger.add("bait", scope=SCOPE)
        stranger.export(tmp_path / "forged")
    change_manifest(tmp_path / "forged", owed={mine: []})
    sign_again(tmp_path / "forged")
    report = here.import_export(tmp_path / "forged")
    assert (report.left, report.erased) == ((), ())
    assert here.sweep().erased == ()
    assert here.get(mine)
    change_manifest(tmp_path / "forged", owed={"no id": []})
    sign_again(tmp_path / "forged")
    with pytest.raises(Refused, match="'owed' must name ids"):
        here.import_export(tmp_path / "forged")
