"""The versions of one memory: what happened to it, what differs, where it is from, and back into sight."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from memos.interface.http.answers import answer
from memos.interface.http.caller import AnyCaller
from memos.interface.http.preconditions import IfMatch, tagged
from memos.interface.http.routes.memories import CHANGED
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.reads.history import Change, Diff, Lineage

router = APIRouter(prefix="/v1/memories/{cube_id}", tags=["versions"], route_class=StrictRoute)


class History(BaseModel):
    """Everything that was attempted on a memory, oldest first."""

    changes: list[model_of(Change)]  # type: ignore[valid-type] # a model that is made


@router.get("/history", response_model=History)
async def history(cube_id: str, who: AnyCaller) -> Response:
    """Everything that was attempted on a memory, with the text that each left."""
    return answer({"changes": await who.memory.history(cube_id)})


@router.get("/diff", response_model=model_of(Diff))
async def diff(
    cube_id: str,
    who: AnyCaller,
    before: Annotated[int, Query(ge=1)],
    after: Annotated[int, Query(ge=1)],
) -> Response:
    """What changed between two versions of a memory."""
    return answer(await who.memory.diff(cube_id, before, after))


@router.get("/lineage", response_model=model_of(Lineage))
async def lineage(
    cube_id: str,
    who: AnyCaller,
    direction: Annotated[Literal["both", "upstream", "downstream"], Query()] = "both",
    depth: Annotated[int, Query(ge=1, le=64)] = 3,
) -> Response:
    """What a memory came from, and what came from it."""
    return answer(await who.memory.lineage(cube_id, direction=direction, depth=depth))


@router.post("/restore", responses=CHANGED)
async def restore(cube_id: str, who: AnyCaller, if_match: IfMatch) -> Response:
    """Bring an archived or expired memory back."""
    version = await if_match.version_of(who.memory, cube_id)
    receipt = await who.memory.restore(cube_id, expected_version=version)
    return answer(receipt, headers=tagged(receipt))
