"""Pools are added soon and taken away late, one at a time."""

from __future__ import annotations

from memos.activation.serving.scaling import BUSY_SECONDS, IDLE_SECONDS, Scaling


def run(scaling: Scaling, pools: int, in_flight: int, seconds: float, start: float = 0.0) -> int:
    """What is wanted at the end of so many seconds of the same load; each wish is fulfilled at once."""
    now = start
    while now <= start + seconds:
        pools = scaling.wanted(pools, in_flight, now)
        now += 1.0
    return pools


def test_a_load_that_lasts_adds_pools_up_to_the_most() -> None:
    assert run(Scaling(1, 3), 1, 9, BUSY_SECONDS - 1) == 1
    assert run(Scaling(1, 3), 1, 9, BUSY_SECONDS) == 2
    assert run(Scaling(1, 3), 1, 9, 10 * BUSY_SECONDS) == 3
    assert run(Scaling(1, 9), 1, 9, 10 * BUSY_SECONDS) == 3


def test_a_load_that_does_not_last_adds_none() -> None:
    scaling = Scaling(1, 3)
    now = 0.0
    for _ in range(10):
        assert run(scaling, 1, 9, BUSY_SECONDS - 1, now) == 1
        now += BUSY_SECONDS
        assert run(scaling, 1, 2, 0, now) == 1
        now += 1


def test_idle_pools_go_late_and_never_below_the_least() -> None:
    assert run(Scaling(1, 3), 3, 0, IDLE_SECONDS - 1) == 3
    assert run(Scaling(1, 3), 3, 0, IDLE_SECONDS) == 2
    assert run(Scaling(2, 3), 3, 0, 10 * IDLE_SECONDS) == 2


def test_between_busy_and_idle_nothing_changes() -> None:
    assert run(Scaling(1, 3), 2, 4, 10 * IDLE_SECONDS) == 2


def test_fewer_than_the_least_are_made_up_at_once() -> None:
    assert Scaling(2, 3).wanted(0, 0, 0.0) == 2
