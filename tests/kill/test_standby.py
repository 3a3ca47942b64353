"""Two workers of a kind: what one that is killed had is taken over by the other."""

from __future__ import annotations

import time
from secrets import token_hex

from memos import Memory
from streams.app import SESSION_SECONDS
from tests.fleet import Fleet
from tests.kill.load import ACTOR

MORE_SECONDS = 5.0
"""For the rebalance, on a machine that others load."""


def test_a_worker_that_is_killed_and_not_started_again_is_replaced_within_seconds(
    fleet: Fleet,
) -> None:
    fleet.start("fold", name="second fold")
    fleet.await_said("second fold", "goes on from")
    before = fleet.said("fold").count("goes on from")
    killed = time.monotonic()
    fleet.kill("second fold")
    fleet.await_said("fold", "goes on from", before + 1)
    assert time.monotonic() - killed < SESSION_SECONDS + MORE_SECONDS
    with Memory(fleet.path, actor=ACTOR) as memory:
        # Enough of them to be in every partition.
        memory.add_many([{"text": "a kiln", "scope": f"t{token_hex(4)}/a"} for _ in range(40)])
