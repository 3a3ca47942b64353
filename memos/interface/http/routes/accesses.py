"""Who read what, and what was refused."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from memos.interface.http.answers import answer
from memos.interface.http.bodies import TimeText
from memos.interface.http.caller import AnyCaller
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.reads.accesses import AccessEntry

router = APIRouter(prefix="/v1", tags=["accesses"], route_class=StrictRoute)


class Accesses(BaseModel):
    """Entries of the access log, oldest first."""

    accesses: list[model_of(AccessEntry)]  # type: ignore[valid-type] # a model that is made


@router.get("/accesses", response_model=Accesses)
async def accesses(
    who: AnyCaller,
    cube_id: Annotated[str | None, Query()] = None,
    actor: Annotated[str | None, Query()] = None,
    scope: Annotated[str | None, Query()] = None,
    since: Annotated[TimeText | None, Query()] = None,
    until: Annotated[TimeText | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    denied: Annotated[bool, Query(description="What was refused, instead.")] = False,
) -> Response:
    """The newest entries of the access log."""
    read = who.memory.denials if denied else who.memory.accesses
    found = await read(
        cube_id=cube_id, actor=actor, scope=scope, since=since, until=until, limit=limit
    )
    return answer({"accesses": found})
