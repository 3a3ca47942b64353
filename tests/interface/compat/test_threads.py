"""Work in a thread, and whoever waits for it."""

from __future__ import annotations

import asyncio
import threading

import pytest

from memos.interface.compat.threads import in_thread


def test_work_does_not_hold_up_the_loop() -> None:
    async def both() -> list[str]:
        goes_on = threading.Event()
        done: list[str] = []

        async def other() -> None:
            done.append("loop")
            goes_on.set()

        def work() -> None:
            assert goes_on.wait(30)
            done.append("thread")

        await asyncio.gather(in_thread(work), other())
        return done

    assert asyncio.run(both()) == ["loop", "thread"]


def test_who_is_cancelled_waits_until_the_work_that_began_is_done() -> None:
    async def cancelled() -> bool:
        began, goes_on, done = threading.Event(), threading.Event(), threading.Event()

        def work() -> None:
            began.set()
            assert goes_on.wait(30)
            done.set()

        task = asyncio.create_task(in_thread(work))
        await asyncio.to_thread(began.wait, 30)
        task.cancel()
        await asyncio.sleep(0)
        task.cancel()
        assert not done.is_set()
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        return done.is_set()

    assert asyncio.run(cancelled())


def test_an_error_of_the_work_reaches_the_caller() -> None:
    def work() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        asyncio.run(in_thread(work))
