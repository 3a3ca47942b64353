from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.activation.pool.cost import PREDICTIONS_KEPT, CostModel, Loadable
from memos.activation.pool.load_times import FADE, LoadTimes

MEMORY, FILES = 0, 1


def model(bytes_per_second: float = 1e6) -> CostModel:
    return CostModel([1.0, bytes_per_second])


def test_before_the_first_load_the_guess_counts_and_then_what_was_seen() -> None:
    times = LoadTimes(1e6)
    assert times.expected(1_000) == pytest.approx(1.0)
    times.loaded(1_000, 5.0)
    assert times.expected(1_000) == pytest.approx(5.0)
    assert times.expected(2_000) == pytest.approx(10.0)


def test_a_fixed_cost_for_each_load_is_told_from_one_for_each_byte() -> None:
    times = LoadTimes(1e6)
    for _ in range(20):
        for size in (1_000, 10_000, 50_000):
            times.loaded(size, 3.0 + size / 10_000)
    assert times.expected(100) == pytest.approx(3.01, rel=1e-3)
    assert times.expected(100_000) == pytest.approx(13.0, rel=1e-3)


def test_a_tier_that_has_become_slower_is_expected_to_be() -> None:
    times = LoadTimes(1e6)
    for milliseconds in [1.0] * 20 + [9.0] * 20:
        times.loaded(1_000, milliseconds)
    assert times.expected(1_000) == pytest.approx(9.0, rel=0.02)


@given(st.lists(st.tuples(st.integers(1, 10**9), st.floats(1e-4, 1e5)), max_size=20))
def test_no_load_is_expected_to_take_no_time(loads: list[tuple[int, float]]) -> None:
    times = LoadTimes(1e6)
    for size, milliseconds in loads:
        times.loaded(size, milliseconds)
    assert times.expected(1) > 0
    assert times.expected(10**9) >= times.expected(1)


def test_after_one_slow_load_another_is_tried_in_time() -> None:
    costs = model()
    loadable = Loadable(FILES, 1_000, 2.0)
    costs.loaded(loadable, 1.0, 50.0)
    declined = 0
    while not costs.worth_loading([loadable]):
        costs.declined(loadable)
        declined += 1
    assert 1 / FADE < declined < 10 / FADE


def test_a_load_that_does_not_pay_is_done_for_one_behind_it_that_pays_for_both() -> None:
    costs = model()
    dear, cheap = Loadable(FILES, 10_000, 4.0), Loadable(FILES, 1_000, 9.0)
    assert costs.worth_loading([dear]) == 0
    assert costs.worth_loading([dear, cheap]) == 2
    assert costs.worth_loading([cheap, dear]) == 1
    assert costs.worth_loading([dear, Loadable(FILES, 1_000, 2.0)]) == 0


def test_what_is_in_memory_already_costs_nothing() -> None:
    assert model().expected(Loadable(MEMORY, 10**9, 1.0)) == 0.0


@pytest.mark.parametrize(("took", "is_right"), [(3.0, True), (5.0, False)])
def test_a_load_was_right_where_computing_would_not_have_been_faster(
    took: float, *, is_right: bool
) -> None:
    prediction = model().loaded(Loadable(FILES, 1_000, 4.0), 1.0, took)
    assert (prediction.predicted, prediction.loaded, prediction.is_right) == (1.0, took, is_right)


@pytest.mark.parametrize(("took", "is_right"), [(3.0, True), (5.0, False)])
def test_computing_was_right_where_loading_was_expected_to_take_as_long(
    took: float, *, is_right: bool
) -> None:
    assert model().computed(FILES, 4.0, took).is_right is is_right


def test_outcomes_do_not_pile_up() -> None:
    costs = model()
    for _ in range(PREDICTIONS_KEPT + 10):
        costs.computed(FILES, 1.0, 1.0)
    assert len(costs.predictions) == PREDICTIONS_KEPT
