"""Settings of a distillation are checked where they are made: nothing is begun with those that do not fit."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from memos import DistillationSettings, InvalidInput, Thresholds

_ODD: dict[str, list[Any]] = {
    "rank": [0, -1, 257, 10**6, 8.0, True, "8", None],
    "batch": [0, -1, 257, 1.5, "x"],
    "steps": [0, -1, 1.5, 10**7, "x", math.nan],
    "seed": [-1, 2**63, "x", 1.0, None],
    "learning_rate": [0, -1e-3, math.nan, math.inf, "x", None],
    "alpha": [0, -1.0, math.nan, math.inf, 10**6, "x"],
    "retention_weight": [-0.1, math.nan, math.inf, 1001, "x"],
    "thresholds": [None, {}, 0.9],
}
ODD = [(name, each) for name, given in _ODD.items() for each in given]


@pytest.mark.parametrize(("name", "given"), ODD, ids=repr)
def test_a_setting_that_does_not_fit_is_refused_by_its_name(name: str, given: Any) -> None:
    with pytest.raises(InvalidInput, match=f"^{name} must be"):
        replace(DistillationSettings(), **{name: given})


@pytest.mark.parametrize("given", [math.nan, math.inf, "x", None, True, 1001])
def test_a_threshold_that_is_no_number_is_refused_by_its_name(given: Any) -> None:
    for name in ("gap_closed", "accuracy", "locality", "teacher"):
        with pytest.raises(InvalidInput, match=f"^the threshold {name} must be"):
            replace(Thresholds(), **{name: given})


def test_what_is_at_a_bound_fits() -> None:
    given: dict[str, Any] = {"rank": 256, "steps": 1, "batch": 256, "seed": 2**63 - 1}
    settings = DistillationSettings(**given, retention_weight=0, alpha=1, learning_rate=1)
    assert settings.rank == 256
