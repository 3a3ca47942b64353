from __future__ import annotations

from pathlib import Path

from memos import Forgotten, Memory

DAY = 86_400_000_000


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000_000

    def __call__(self) -> int:
        return self.now


def test_a_hold_outlasts_a_lifespan(tmp_path: Path) -> None:
    clock = Clock()
    with Memory(tmp_path / "v", actor="agent:alice", clock=clock) as memory:
        held = memory.add("Evidence of a lantern.", scope="acme/a", lifespan="1d")
        free = memory.add("Another lantern.", scope="acme/a", lifespan="1d")
        memory.freeze(held.cube_id)
        clock.now += 2 * DAY
        assert memory.get(held.cube_id)
        assert [hit.cube_id for hit in memory.search("lantern", scope="acme")] == [held.cube_id]
        assert memory.sweep().archived == (free.cube_id,)


def test_a_sweep_tells_of_what_a_hold_kept_it_from_erasing(tmp_path: Path) -> None:
    clock = Clock()
    with Memory(tmp_path / "v", actor="agent:alice", clock=clock) as memory:
        span = {"after": "1d", "then": "erase"}
        source = memory.add("Source.", scope="acme/a", lifespan=span)
        other = memory.add("Nobody holds this.", scope="acme/a", lifespan=span)
        derived = memory.add("Derived.", scope="acme/a", derived_from=[source.cube_id])
        memory.hold(derived.cube_id)
        clock.now += 2 * DAY
        swept = memory.sweep()
        assert set(swept.held) == {source.cube_id, derived.cube_id}
        assert swept.erased == (other.cube_id,)
        assert isinstance(memory.get(other.cube_id), Forgotten)
        assert memory.get(source.cube_id, any_state=True)


def test_an_access_renews_a_lifespan_that_says_so(tmp_path: Path) -> None:
    clock = Clock()
    with Memory(tmp_path / "v", actor="agent:alice", clock=clock) as memory:
        kept = memory.add("A used memory.", scope="acme/a")
        memory.set_lifespan(kept.cube_id, after="10d", renewed_by_access=True)
        clock.now += 9 * DAY
        memory.get(kept.cube_id)
        clock.now += 9 * DAY
        assert memory.sweep().archived == ()
        clock.now += 2 * DAY
        assert memory.sweep().archived == (kept.cube_id,)


def test_history_and_lineage_are_reads_but_no_use(tmp_path: Path) -> None:
    with Memory(tmp_path / "v", actor="agent:alice") as memory:
        cube = memory.add("Looked at by an auditor.", scope="acme/a")
        memory.history(cube.cube_id)
        memory.lineage(cube.cube_id)
        assert memory.stats().accesses == 2
        memory.get(cube.cube_id)
        memory.stats()
        found = memory.get(cube.cube_id)
        assert found
        assert found.uses == 1
