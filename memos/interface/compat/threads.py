"""Calls of a vault from an event loop, which they do not block."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(work: Callable[[], T]) -> T:
    """What some work gives, done in a thread. Who cancels it waits until it is done, for a write that was begun is
    not taken back: what is written after the cancellation stands behind it.
    """
    task = asyncio.ensure_future(asyncio.to_thread(work))
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = cancelled or error
    if cancelled is not None:
        if not task.cancelled():
            task.exception()  # told to nobody: the caller is told of the cancellation
        raise cancelled
    return task.result()
