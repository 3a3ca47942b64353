from __future__ import annotations

import pytest

from memos.kernel.cube import Lifecycle, Lifespan, LifespanEnd
from memos.kernel.lifespan import NEVER, deadline, decay, earliest_end, still_ends


def test_a_lifespan_counts_from_when_it_was_set() -> None:
    assert deadline(Lifespan(after=10, since=100), last_used=500) == 110


def test_an_access_renews_a_lifespan_that_says_so() -> None:
    renewed = Lifespan(after=10, since=100, renewed_by_access=True)
    assert deadline(renewed, last_used=500) == 510
    assert deadline(renewed, last_used=0) == 110


def test_without_an_end_there_is_no_deadline() -> None:
    assert deadline(None, 5) == NEVER
    assert deadline(Lifespan(after=0, since=5), 5) == NEVER


def test_the_earliest_end_is_that_of_a_cube_that_nobody_uses() -> None:
    assert earliest_end(Lifespan(after=10, since=100)) == 110
    assert earliest_end(Lifespan(after=10, since=100, renewed_by_access=True)) == 110
    assert earliest_end(Lifespan(after=0, since=100)) == earliest_end(None) == NEVER


def test_a_lifespan_lasts_a_microsecond_at_least_and_not_beyond_never() -> None:
    shortest, longest = Lifespan(after=1, since=100), Lifespan(after=NEVER, since=100)
    assert deadline(shortest, 0) == earliest_end(shortest) == 101
    assert still_ends(shortest, Lifecycle.GENERATED)
    assert deadline(longest, 0) == earliest_end(longest) == NEVER


def test_rank_halves_with_each_half_life_since_the_last_use() -> None:
    lifespan = Lifespan(after=0, since=100, half_life=50)
    assert decay(lifespan, 0, 100) == 1.0
    assert decay(lifespan, 0, 150) == pytest.approx(0.5)
    assert decay(lifespan, 200, 300) == pytest.approx(0.25)
    assert decay(None, 0, 10**9) == 1.0
    assert decay(lifespan, 0, 50) == 1.0
    assert decay(Lifespan(after=0, since=100, half_life=0), 0, 300) == 1.0
    assert decay(Lifespan(after=0, since=100, half_life=1), 0, 101) == pytest.approx(0.5)


def test_an_end_reaches_every_state_in_which_it_changes_something() -> None:
    reached = {
        then: {state for state in Lifecycle if still_ends(Lifespan(after=10, then=then), state)}
        for then in LifespanEnd
    }
    shown = {Lifecycle.GENERATED, Lifecycle.ACTIVATED}
    out_of_sight = {Lifecycle.MERGED, Lifecycle.ARCHIVED}
    assert reached == {
        LifespanEnd.ARCHIVE: shown,
        LifespanEnd.EXPIRE: shown | out_of_sight,
        LifespanEnd.ERASE: shown | out_of_sight | {Lifecycle.EXPIRED, Lifecycle.FROZEN},
    }
    assert not still_ends(Lifespan(after=0, then=LifespanEnd.ERASE), Lifecycle.GENERATED)
    assert not still_ends(None, Lifecycle.GENERATED)
