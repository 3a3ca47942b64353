"""Rows of Cassandra read back: one that holds no count where one belongs is told as damaged."""

from __future__ import annotations

from typing import Any

import pytest

from memos.infrastructure.vault.cassandra.stored import ATTEMPT_COLUMNS, stored_of
from memos.kernel.errors import Damaged
from tests.kernel.builders import generated


def row(**changes: Any) -> tuple[Any, ...]:
    """What a row of `attempt` holds of a new memory, with some columns changed."""
    event = generated(1)
    whole: dict[str, Any] = {
        "cube_id": event.cube_id,
        "ordinal": 0,
        "partition": 0,
        "offset": 0,
        "log_time": 1,
        "sequence": 1,
        "result": 1,
        "reason": 0,
        "version": 1,
        "digest": bytes(32),
        "duplicate_of": b"",
        "state": b"",
        "caused": b"",
        "data": event.SerializeToString(),
    }
    return tuple((whole | changes)[name] for name in ATTEMPT_COLUMNS.split(", "))


def test_a_whole_row_is_read() -> None:
    assert stored_of(row()).attempt.outcome.version == 1


@pytest.mark.parametrize("column", ["partition", "offset", "sequence", "version"])
@pytest.mark.parametrize("value", [None, -1])
def test_a_count_that_is_none_is_damage(column: str, value: int | None) -> None:
    with pytest.raises(Damaged, match="run `memos rebuild`"):
        stored_of(row(**{column: value}))
