"""The log, page by page."""

from __future__ import annotations

import asyncio
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from memos.interface.http.answers import answer
from memos.interface.http.bodies import AsOfText
from memos.interface.http.caller import AnyCaller
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput
from memos.operation.reads.cursor import digest_of_list
from memos.operation.reads.history import LogEntry
from memos.operation.reads.opaque_token import pack_token, unpack_token

router = APIRouter(prefix="/v1", tags=["events"], route_class=StrictRoute)

_VERSION = 1


class Events(BaseModel):
    """Records of the log, in its order. `next` is the cursor of those behind; absent at the end."""

    events: list[model_of(LogEntry)]  # type: ignore[valid-type] # a model that is made
    next: str | None = None


@router.get("/events", response_model=Events)
async def events(
    who: AnyCaller,
    actor: Annotated[str | None, Query()] = None,
    kind: Annotated[str | None, Query()] = None,
    scope: Annotated[str | None, Query()] = None,
    cube_id: Annotated[str | None, Query()] = None,
    operation: Annotated[str | None, Query()] = None,
    source: Annotated[str | None, Query()] = None,
    since: Annotated[AsOfText | None, Query()] = None,
    until: Annotated[AsOfText | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> Response:
    """Who attempted what, when, and what became of it."""
    records = {
        "actor": actor,
        "kind": kind,
        "scope": scope,
        "cube_id": cube_id,
        "operation": operation,
        "source": source,
        "since": since,
        "until": until,
    }
    digest = digest_of_list(records)
    begin = since if cursor is None else _position_in(cursor, digest)
    one_more = {**records, "since": begin}
    found = await asyncio.to_thread(_read, who.memory.memory, one_more, limit + 1)
    told: dict[str, Any] = {"events": found[:limit]}
    if len(found) > limit:
        told["next"] = pack_token(_VERSION, [digest, str(found[limit].position)])
    return answer(told)


def _read(memory: Memory, records: dict[str, Any], most: int) -> list[LogEntry]:
    return list(islice(memory.events(**records), most))


def _position_in(cursor: str, digest: str) -> str:
    """Where the page begins that a cursor leads to.

    Raises:
        InvalidInput: it is none, or another list's.
    """
    try:
        of, position = unpack_token(cursor, _VERSION)
    except ValueError:
        of, position = None, None
    if of != digest or not isinstance(position, str):
        raise InvalidInput(
            "this is no cursor of these events: pass the one that the page before came with, and all "
            "else as for it"
        )
    return position
