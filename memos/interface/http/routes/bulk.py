"""Many memories in one request: a line each, and each is answered as soon as it is durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from memos.interface.async_memory import AsyncMemory
from memos.interface.http.caller import AnyCaller
from memos.interface.http.guard import NDJSON, too_large
from memos.interface.http.idempotency import IdempotencyKey
from memos.interface.http.problems import Refusal, problem, problem_of, problem_of_form
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


KEY_OF_LINE = "\N{SECTION SIGN}"
"""Between a request's Idempotency-Key and the number of a line; no header has it, so no other request's key
is that of a line.
"""


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
    bulk = Bulk(who.memory, idempotency_key)
    lines = split_lines(request.stream(), settings.body_bytes)
    return StreamedAnswer(
        lambda ended: bulk.answer(lines, ended),
        NDJSON,
        slot=streams.one_more(who),
        is_endless=False,
    )


class Bulk:
    """One request's lines, some at the same time, answered in their order."""

    def __init__(self, memory: AsyncMemory, key: str | None) -> None:
        self._memory = memory
        self._key = key
        self._begun: asyncio.Queue[asyncio.Task[BulkLine] | None] = asyncio.Queue()
        self._free = asyncio.Semaphore(AT_ONCE)
        self._problem: dict[str, Any] | None = None

    async def answer(
        self, lines: AsyncIterator[bytes], ended: asyncio.Event
    ) -> AsyncGenerator[bytes]:
        """A line for each, and the last one. They are read whether the answer is read or not: most
        clients send all before they read any.
        """
        reading = asyncio.create_task(self._read(lines))
        ending = asyncio.create_task(self._end(reading, ended))
        done = failed = 0
        try:
            while (task := await self._begun.get()) is not None:
                told = await task
                done, failed = done + (told.problem is None), failed + (told.problem is not None)
                yield _line(told)
            await asyncio.wait([reading])
            if not reading.cancelled():
                reading.result()
        finally:
            for each in (ending, reading):
                each.cancel()
            await asyncio.gather(ending, reading, return_exceptions=True)
        complete = self._problem is None
        yield _line(BulkEnd(done=done, failed=failed, complete=complete, problem=self._problem))

    async def _read(self, lines: AsyncIterator[bytes]) -> None:
        """Begin with each line."""
        number = 0
        try:
            async for line in lines:
                number += 1
                if number > MOST_LINES:
                    raise _too_many_lines()
                if line.strip():
                    await self._free.acquire()
                    self._begun.put_nowait(asyncio.create_task(self._add(number, line)))
        except Refusal as refusal:
            self._problem = problem_of(refusal)
        except ClientDisconnect:
            self._problem = problem(HTTPStatus.BAD_REQUEST, "malformed", "it was cut off")
        finally:
            self._begun.put_nowait(None)

    async def _end(self, reading: asyncio.Task[None], ended: asyncio.Event) -> None:
        """Begin with no more lines once the key ends, or the server."""
        await ended.wait()
        detail = "the key is good no more, or the server ends: send the lines from here on again"
        self._problem = problem(HTTPStatus.SERVICE_UNAVAILABLE, "stopping", detail)
        reading.cancel()

    async def _add(self, number: int, line: bytes) -> BulkLine:
        try:
            new = NewMemory.model_validate_json(line)
            key = None if self._key is None else f"{self._key}{KEY_OF_LINE}{number}"
            receipt = await self._memory.add(**new.arguments(), idempotency_key=key)
        except ValidationError as error:
            return BulkLine(line=number, problem=problem_of_form(error.errors()))
        except MemosError as error:
            return BulkLine(line=number, problem=problem_of(error))
        finally:
            self._free.release()
        return BulkLine(line=number, receipt=receipt)


def _too_many_lines() -> Refusal:
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"a bulk has {MOST_LINES} lines at most: send the lines from here on apart",
    )


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
