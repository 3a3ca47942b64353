from __future__ import annotations

from benchmarks.nothing import ADVERSARIAL, ANSWERED, FOREIGN, Asked, rows_of


def test_a_threshold_is_judged_by_who_is_told_nothing() -> None:
    asked = [
        Asked(FOREIGN, 0.1),
        Asked(FOREIGN, 0.9),
        Asked(ADVERSARIAL, 0.9),
        Asked(ANSWERED, 0.25),
        Asked(ANSWERED, 0.95),
    ]
    rows = {row["min_score"]: row for row in rows_of(asked)}
    assert rows[0.2] == {
        "min_score": 0.2,
        "foreign precision": 1.0,
        "foreign recall": 0.5,
        "adversarial precision": None,
        "adversarial recall": 0.0,
        "answered told nothing": 0.0,
    }
    assert (rows[0.3]["foreign precision"], rows[0.3]["answered told nothing"]) == (0.5, 0.5)
