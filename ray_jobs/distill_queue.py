"""The queue of distillation jobs: one actor, to which callers come back until their job has ended."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import ray
from ray.exceptions import RayActorError, RayError

from memos.infrastructure.chat_models.plain_prompt import plain_error
from memos.kernel.errors import ModelUnavailable, shorten
from memos.parametric.serving.job_queue import (
    MOST_ATTEMPTS,
    Became,
    JobQueue,
    JobRequest,
    QueuedJob,
)

NEWS_SECONDS = 10.0
"""For how long a call waits for something new: whoever called calls again."""

FIRST_LOOK_SECONDS = 5.0
"""How long a queue that begins waits to hear what distillers are at."""

RETRIES = -1
"""Each of its calls may be repeated without another effect."""


class DistillQueue:
    """See `JobQueue`. What it knew when it died those tell it again who wait.

    Args:
        names: of the distillers, in its namespace: a queue that is started again finds them by these.
    """

    async def __init__(self, names: list[str]) -> None:  # type: ignore[misc] # Ray awaits it
        self._distillers: dict[str, Any] = {name: ray.get_actor(name) for name in names}
        self._queue = JobQueue()
        self._changed = asyncio.Condition()
        self._models: dict[str, bytes] = {}
        self._first_look = asyncio.create_task(self._look_first())
        works = [self._work(name) for name in self._distillers]
        self._works = [asyncio.create_task(work) for work in works]

    @ray.method(max_task_retries=RETRIES)
    async def submit(
        self, job_id: bytes, box: bytes, key: bytes, adapter: tuple[bytes, bytes] | None
    ) -> None:
        self._queue.submit(job_id, JobRequest(box, key, adapter), time.monotonic())
        await self._tell()

    @ray.method(max_task_retries=RETRIES)
    async def news(self, job_id: bytes, revision: int) -> dict[str, Any] | None:
        """How a job is, once that is something else than at a revision; None where it is not known."""

        def is_new() -> bool:
            job = self._queue.look(job_id, time.monotonic())
            return job is None or job.revision != revision

        await self._await(is_new)
        job = self._queue.look(job_id, time.monotonic())
        if job is None:
            return None
        return {
            "revision": job.revision,
            "done": job.done,
            "total": job.total,
            "outcome": job.outcome,
            "key": job.request.key,
            "distillers": len(self._models),
        }

    async def advance(self, job_id: bytes, done: int, total: int) -> None:
        self._queue.advance(job_id, done, total, time.monotonic())
        await self._tell()

    @ray.method(max_task_retries=RETRIES)
    async def model_digest(self) -> bytes | None:
        """Of the distillers' model; None where none has come up yet."""
        await self._await(lambda: bool(self._models))
        return next(iter(self._models.values()), None)

    @ray.method(max_task_retries=RETRIES)
    async def has_adapter(self, sha256: bytes, seal: bytes) -> bool:
        for name in self._models:
            with suppress(RayError):
                return bool(await self._distillers[name].has_adapter.remote(sha256, seal))
        return False

    @ray.method(max_task_retries=RETRIES)
    async def forget_adapters(self, digests: list[bytes]) -> int | None:
        """How many of them a distiller had; None where one did not answer."""
        asked = [self._distillers[name].forget_adapters.remote(digests) for name in self._models]
        try:
            return max(await asyncio.gather(*asked), default=None)
        except RayError:
            return None

    @ray.method(max_task_retries=RETRIES)
    async def figures(self) -> dict[str, Any]:
        return self._queue.figures(time.monotonic())._asdict()

    async def _work(self, name: str) -> None:
        """Give jobs to a distiller. One that cannot be started gets none, and whoever looks after it tells why."""
        await self._first_look
        with suppress(RayActorError):
            while True:
                await self._describe(name)
                await self._tell()
                while await self._run(name, await self._next(name)):
                    self._queue.reserve(name, None)
                del self._models[name]

    async def _look_first(self) -> None:
        """Hear what distillers are at, before any of them gets a job: they may have been here before this queue."""
        looks = asyncio.gather(*map(self._describe, self._distillers), return_exceptions=True)
        with suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await looks

    async def _describe(self, name: str) -> None:
        self._models[name], running = await self._distillers[name].described.remote()
        self._queue.reserve(name, running)

    async def _next(self, name: str) -> QueuedJob:
        async with self._changed:
            while True:
                job = self._queue.take(name, time.monotonic())
                if job is not None:
                    return job
                await self._changed.wait()

    async def _run(self, name: str, job: QueuedJob) -> bool:
        """Have a distiller do a job; whether it is still there."""
        try:
            became, outcome, seconds = await self._distillers[name].run.remote(
                job.job_id, *job.request
            )
            self._queue.end(job, Became(became), outcome, seconds)
        except RayActorError:
            if not self._queue.lose(job):
                self._queue.end(job, Became.FAILED, plain_error(_GIVEN_UP), 0.0)
            return False
        except RayError as error:
            failed = ModelUnavailable(f"{name} failed: {shorten(str(error), 300)}")
            self._queue.end(job, Became.FAILED, plain_error(failed), 0.0)
        finally:
            await self._tell()
        return True

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()

    async def _await(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition, for a while."""
        with suppress(TimeoutError):
            async with asyncio.timeout(NEWS_SECONDS), self._changed:
                await self._changed.wait_for(condition)


_GIVEN_UP = ModelUnavailable(
    f"{MOST_ATTEMPTS} distillers died while they were at this job: see what `memos worker distill` says of them. "
    "It is not tried again; asked for again, it goes on from its last checkpoint"
)
