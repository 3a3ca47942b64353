"""What takes back, and what erases."""

from __future__ import annotations

from fastapi import APIRouter, Response

from memos.interface.http.answers import answer
from memos.interface.http.bodies import AsOfText, Body, JsonObject
from memos.interface.http.caller import AnyCaller
from memos.interface.http.problems import documented
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.commands.erase_plan import ErasePlan
from memos.operation.commands.rollback import Rollback
from memos.operation.erasure_receipt import ErasureReceipt

router = APIRouter(prefix="/v1", tags=["undo"], route_class=StrictRoute)


class RollbackRequest(Body):
    """What is taken back, as `Memory.rollback` takes it."""

    cube_id: str | None = None
    to_version: int | None = None
    source: str | None = None
    actor: str | None = None
    operation: str | None = None
    cut: str | None = None
    since: AsOfText | None = None
    until: AsOfText | None = None
    scope: str | None = None
    dry_run: bool = False


class ErasureRequest(Body):
    """What is erased, as `Memory.erase` takes it."""

    subject: str | None = None
    scope: str | None = None
    cube_id: str | None = None
    cube_ids: list[str] | None = None
    filter: JsonObject | None = None
    dry_run: bool = False


@router.post("/rollbacks", response_model=model_of(Rollback), responses=documented(202, 412))
async def rollback(asked: RollbackRequest, who: AnyCaller) -> Response:
    """Take a memory to a version, or undo a source, an actor, an operation or a stretch of the log."""
    return answer(await who.memory.rollback(**asked.given()))


@router.post(
    "/erasures",
    responses={
        200: {"model": model_of(ErasureReceipt) | model_of(ErasePlan)},
        **documented(202, 412),
    },
)
async def erase(asked: ErasureRequest, who: AnyCaller) -> Response:
    """Erase for good; with `dry_run` only the plan."""
    return answer(await who.memory.erase(**asked.given()))
