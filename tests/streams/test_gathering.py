"""When the lanes of a worker begin their batches."""

from __future__ import annotations

import pytest

from streams.gathering import Gathering


def test_lone_records_are_taken_as_they_come() -> None:
    gathering = Gathering(0.05, many=8)
    assert gathering.pause(100.0) <= 0
    for at in (100.0, 100.02, 100.03):
        gathering.begin(at, 1)
        assert gathering.pause(at + 0.001) <= 0


def test_the_more_came_together_the_longer_is_gathered() -> None:
    gathering = Gathering(0.05, many=8)
    gathering.begin(100.0, 3)
    gathering.begin(100.002, 2)
    assert gathering.pause(100.01) == pytest.approx(0.05 * 4 / 8 - 0.01)
    gathering.begin(100.03, 30)
    assert gathering.pause(100.04) == pytest.approx(0.05 - 0.01)
    assert gathering.pause(100.09) <= 0
    gathering.begin(100.09, 1)
    assert gathering.pause(100.091) <= 0


def test_a_worker_that_nobody_waits_for_gathers_always() -> None:
    gathering = Gathering(0.2, many=1)
    assert gathering.pause(100.0) <= 0
    gathering.begin(100.0, 1)
    assert gathering.pause(100.05) == pytest.approx(0.15)
