"""What changes, as it changes: server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from time import monotonic
from typing import Annotated

from fastapi import APIRouter, Header, Query, Request, Response

from memos.interface.following import Following, Place
from memos.interface.http.caller import AnyCaller
from memos.interface.http.streams import StreamedAnswer, Streams
from memos.interface.http.strict_route import StrictRoute
from memos.interface.serialise import json_line
from memos.operation.reads.history import LogEntry

router = APIRouter(prefix="/v1", tags=["events"], route_class=StrictRoute)

EVENT_STREAM = "text/event-stream"
LOOK_SECONDS = 0.5
"""Between two looks for what is new, where few streams are open."""

LOOKS_A_SECOND = 200.0
"""Of all streams together: the more there are, the less often each looks."""

BEAT_SECONDS = 15.0
"""After which a stream with no news tells that it is alive."""

AT_ONCE = 100
RETRY_MILLISECONDS = 1000


@router.get(
    "/changes",
    response_class=Response,
    responses={
        200: {
            "description": "Server-sent events: each has as data a record of the log, and as id where "
            "to go on.",
            "content": {EVENT_STREAM: {"schema": {"type": "string"}}},
        }
    },
)
async def changes(
    request: Request,
    who: AnyCaller,
    scope: Annotated[str | None, Query()] = None,
    kind: Annotated[str | None, Query()] = None,
    actor: Annotated[str | None, Query()] = None,
    cube_id: Annotated[str | None, Query()] = None,
    last_event_id: Annotated[
        str | None, Header(description="The last id that was received; without it, from now on.")
    ] = None,
) -> Response:
    """The records of the log as they come. The stream ends when the key does, or the server."""
    streams: Streams = request.app.state.streams
    place = Place.now() if last_event_id is None else Place.parse(last_event_id)
    records = {"scope": scope, "kind": kind, "actor": actor, "cube_id": cube_id}
    following = Following(who.memory.memory, records, place)
    first = await asyncio.to_thread(following.read, AT_ONCE)  # what is refused is told before
    return StreamedAnswer(
        lambda _: _parts(following, first, streams),
        EVENT_STREAM,
        slot=streams.one_more(who),
        is_endless=True,
    )


async def _parts(
    following: Following, entries: list[LogEntry], streams: Streams
) -> AsyncGenerator[bytes]:
    """Records as events, and without one for long where to go on."""
    yield f"retry: {RETRY_MILLISECONDS}\nid: {following.place}\n\n".encode()
    told = monotonic()
    while True:
        for entry in entries:
            following.tell(entry)
            yield f"event: change\nid: {following.place}\ndata: {json_line(entry)}\n\n".encode()
        if entries:
            told = monotonic()
        elif monotonic() - told > BEAT_SECONDS:
            told = monotonic()
            yield f"id: {following.place}\n\n".encode()
        if len(entries) < AT_ONCE:
            await asyncio.sleep(max(LOOK_SECONDS, len(streams) / LOOKS_A_SECOND))
        entries = await asyncio.to_thread(following.read, AT_ONCE)
