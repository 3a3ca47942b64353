"""An adapter is promoted when all figures reach their thresholds; each that does not is told."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from memos.infrastructure.chat_models.adapting import Evaluation, Thresholds
from memos.parametric.gate import refusals

GOOD = Evaluation(
    gap=2.0,
    gap_closed=0.97,
    teacher_accuracy=0.9,
    accuracy=0.9,
    base_accuracy=0.1,
    retention=1.0,
    in_context=1.0,
    locality=0.01,
)


def test_what_reaches_all_is_promoted() -> None:
    assert list(refusals(GOOD, Thresholds())) == []


def test_what_could_not_be_measured_refuses_nothing_but_a_gap() -> None:
    told = replace(GOOD, retention=None, in_context=None)
    assert list(refusals(told, Thresholds())) == []
    (why,) = refusals(replace(GOOD, gap=None, gap_closed=None), Thresholds())
    assert "nothing to learn: no gap" in why


@pytest.mark.parametrize(
    ("missed", "figures"),
    [
        ({"teacher_accuracy": 0.4, "accuracy": 0.4}, ("0.40", "0.50")),
        ({"gap": 0.05, "gap_closed": None}, ("0.050", "0.100")),
        ({"gap_closed": 0.5}, ("0.50", "0.90")),
        ({"gap_closed": -1.0}, ("-1.00", "0.90")),
        ({"accuracy": 0.5}, ("0.50", "0.81")),
        ({"retention": 0.8}, ("0.80", "0.95")),
        ({"in_context": 0.7}, ("0.70", "0.95")),
        ({"locality": 0.3}, ("0.300", "0.050")),
        ({"locality": math.nan}, ("nan", "0.050")),
    ],
)
def test_what_misses_one_is_refused_with_the_figure_and_the_threshold(
    missed: dict[str, Any], figures: tuple[str, str]
) -> None:
    (why,) = refusals(replace(GOOD, **missed), Thresholds())
    assert all(figure in why for figure in figures)
