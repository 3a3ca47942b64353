from __future__ import annotations

from benchmarks.nothing import Asked, rows_of


def test_a_threshold_is_judged_by_who_is_told_nothing() -> None:
    asked = [Asked(True, 0.1), Asked(True, 0.9), Asked(False, 0.25), Asked(False, 0.95)]
    rows = {row["min_score"]: row for row in rows_of(asked)}
    assert rows[0.2] == {
        "min_score": 0.2,
        "told nothing": 1,
        "precision": 1.0,
        "recall": 0.5,
        "answerable told nothing": 0.0,
    }
    assert (rows[0.3]["precision"], rows[0.3]["answerable told nothing"]) == (0.5, 0.5)
