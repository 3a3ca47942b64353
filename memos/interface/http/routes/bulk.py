"""Many memories in one request: a line each, and each is answered as soon as it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from memos.interface.async_memory import AsyncMemory
from memos.interface.http.caller import AnyCaller
from memos.interface.http.guard import NDJSON, too_large
from memos.interface.http.idempotency import IdempotencyKey
from memos.interface.http.problems import Refusal, problem_of, problem_of_form
from memos.interface.http.routes.memories import NewMemory
from memos.interface.http.settings import HttpSettings
from memos.interface.http.streams import StreamedAnswer, Streams
from memos.interface.http.strict_route import StrictRoute
from memos.interface.serialise import json_line
from memos.kernel.errors import MemosError
from memos.operation.receipt import Receipt

router = APIRouter(prefix="/v1/memories", tags=["memories"], route_class=StrictRoute)

AT_ONCE = 32
"""How many lines are written at the same time: they share durable transactions."""

MOST_LINES = 10_000
"""Of one request: what became of them is kept until the caller reads it."""


@dataclass(frozen=True, slots=True)
class BulkLine:
    """What became of a line: its receipt, or why it was not done."""

    line: int
    receipt: Receipt | None = None
    problem: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class BulkEnd:
    """The last line. Without it the answer was cut off; `complete` says whether all lines were read."""

    done: int
    failed: int
    complete: bool
    problem: dict[str, Any] | None = None


@router.post(
    "/bulk",
    response_class=Response,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "A memory a line, as `POST /v1/memories` takes it.",
            "content": {NDJSON: {"schema": {"type": "string"}}},
        }
    },
)
async def add_in_bulk(
    request: Request, who: AnyCaller, idempotency_key: IdempotencyKey
) -> Response:
    """Remember the memory of each line. Each is answered by a line, in their order, as soon as it is
    durable; the last line says how many were done.

    With an Idempotency-Key, the request that is sent again makes no line's memory twice.
    """
    streams: Streams = request.app.state.streams
    settings: HttpSettings = request.app.state.settings
    bulk = Bulk(who.memory, idempotency_key, streams.stopping)
    lines = split_lines(request.stream(), settings.body_bytes)
    return StreamedAnswer(bulk.answer(lines), NDJSON, slot=lambda: streams.one_more(who))


class Bulk:
    """One request's lines, some at the same time, answered in their order."""

    def __init__(self, memory: AsyncMemory, key: str | None, stopping: asyncio.Event) -> None:
        self._memory = memory
        self._key = key
        self._stopping = stopping
        self._begun: asyncio.Queue[asyncio.Task[BulkLine] | None] = asyncio.Queue()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._problem: dict[str, Any] | None = None

    async def answer(self, lines: AsyncIterator[bytes]) -> AsyncGenerator[bytes]:
        """A line for each, and the last one. They are read whether the answer is read or not: most
        clients send all before they read any.
        """
        reading = asyncio.create_task(self._read(lines))
        done = failed = 0
        try:
            while (task := await self._begun.get()) is not None:
                told = await task
                done, failed = done + (told.problem is None), failed + (told.problem is not None)
                yield _line(told)
            await reading
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        complete = self._problem is None
        yield _line(BulkEnd(done=done, failed=failed, complete=complete, problem=self._problem))

    async def _read(self, lines: AsyncIterator[bytes]) -> None:
        """Begin with each line."""
        number = 0
        try:
            async for line in lines:
                number += 1
                self._check(number)
                if line.strip():
                    await self._free.acquire()
                    self._begun.put_nowait(asyncio.create_task(self._add(number, line)))
        except Refusal as refusal:
            self._problem = problem_of(refusal)
        except ClientDisconnect:
            self._problem = problem_of(Refusal(400, "malformed", "the body was cut off"))
        finally:
            self._begun.put_nowait(None)

    def _check(self, number: int) -> None:
        """That a line may be begun with.

        Raises:
            Refusal: it may not.
        """
        if self._stopping.is_set():
            raise Refusal(503, "stopping", "the server ends: send the lines from here on again")
        if number > MOST_LINES:
            detail = f"a bulk has {MOST_LINES} lines at most: send the lines from here on apart"
            raise Refusal(413, "too-large", detail)

    async def _add(self, number: int, line: bytes) -> BulkLine:
        try:
            new = NewMemory.model_validate_json(line)
            key = None if self._key is None else f"{self._key}/{number}"
            receipt = await self._memory.add(**new.arguments(), idempotency_key=key)
        except ValidationError as error:
            return BulkLine(line=number, problem=problem_of_form(error.errors()))
        except MemosError as error:
            return BulkLine(line=number, problem=problem_of(error))
        finally:
            self._free.release()
        return BulkLine(line=number, receipt=receipt)


async def split_lines(parts: AsyncIterator[bytes], longest: int) -> AsyncIterator[bytes]:
    """The lines of a body that comes in parts.

    Raises:
        Refusal: one is longer than `longest` bytes.
    """
    rest = b""
    async for part in parts:
        *whole, rest = (rest + part).split(b"\n")
        for line in whole:
            if len(line) > longest:
                raise too_large(longest)
            yield line
        if len(rest) > longest:
            raise too_large(longest)
    if rest:
        yield rest


def _line(told: BulkLine | BulkEnd) -> bytes:
    return (json_line(told) + "\n").encode()
