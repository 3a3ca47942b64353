"""AsyncMemory: no call blocks the event loop, on either engine."""

from __future__ import annotations

import asyncio
import time

from memos import AsyncMemory, MemCube
from tests.scenarios.place import ADMINISTRATOR, Place

BEAT_SECONDS = 0.01
LONGEST_BEAT_SECONDS = 3.0
"""Far below what the calls take together, and far above what a loaded machine delays."""


async def longest_beat(stop: asyncio.Event) -> float:
    """The longest time that the loop took to come round."""
    longest, last = 0.0, time.monotonic()
    while not stop.is_set():
        await asyncio.sleep(BEAT_SECONDS)
        now = time.monotonic()
        longest, last = max(longest, now - last), now
    return longest


def test_calls_run_side_by_side_and_the_loop_goes_on(place: Place, tenant: str) -> None:
    async def scenario() -> float:
        stop = asyncio.Event()
        beating = asyncio.create_task(longest_beat(stop))
        async with await AsyncMemory.open(place.path, actor=ADMINISTRATOR) as memory:
            receipts = await asyncio.gather(
                *(memory.add(f"pottery {n}", scope=f"{tenant}/{n % 4}") for n in range(20))
            )
            await asyncio.gather(*(memory.tag(receipt.cube_id, "t") for receipt in receipts))
            hits = await memory.search("pottery", scope=tenant, k=50)
            assert {hit.cube_id for hit in hits} == {receipt.cube_id for receipt in receipts}
            cube = await memory.get(receipts[7].cube_id)
            assert isinstance(cube, MemCube)
            assert (cube.text, cube.tags) == ("pottery 7", ("t",))
            entries = [entry async for entry in memory.events(scope=tenant)]
            assert len(entries) == 40
        stop.set()
        return await beating

    assert asyncio.run(scenario()) < LONGEST_BEAT_SECONDS
